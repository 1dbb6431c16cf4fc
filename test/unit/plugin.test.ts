import { expect } from 'chai';
import { defineMediator, retryable, Type, WaybillError } from 'waybill/plugin';
import { openStep } from 'waybill/testing';
import { rejection } from '../support/rejection.ts';

const round = defineMediator({
  name: 'round-up',
  describe: 'Rounds a number up.',
  options: Type.Object(
    { field: Type.String({ minLength: 1 }), to: Type.Integer({ minimum: 1, default: 10 }) },
    { additionalProperties: false },
  ),
  prepare: ({ field, to }, scope) => {
    const value = scope.expression(`data.${field}`, ['field'], 'scalar');
    if (value === undefined) return undefined;
    return {
      run: (message) => {
        const data = typeof message.data === 'object' ? message.data : {};
        return message.with({ data: { ...data, [field]: Math.ceil(Number(value.evaluate(message)) / to) * to } });
      },
    };
  },
});

const AMOUNT = {
  'shop.amount@1': { type: 'object', required: ['n'], properties: { n: { type: 'number' } } },
};
const TEST = { from: 'shop.amount@1', contracts: AMOUNT };

describe('the door waybill/plugin', () => {
  it('makes a mediator whose options have their types and defaults', async () => {
    const { sent } = await openStep(round, { field: 'n' }, TEST).take({ data: { n: 41 } });
    expect(sent.map(({ data }) => data)).to.deep.equal([{ n: 50 }]);
    const exact = await openStep(round, { field: 'n', to: 25 }, TEST).take({ data: { n: 41 } });
    expect(exact.sent.map(({ data }) => data)).to.deep.equal([{ n: 50 }]);
  });

  it('takes a JSON Schema for the options, and knows their types by it', async () => {
    const only = defineMediator({
      name: 'only',
      describe: 'Keeps one field.',
      options: { type: 'object', required: ['field'], properties: { field: { enum: ['n', 'm'] } } },
      prepare: ({ field }) => ({
        run: (message) => message.with({ vars: { ...message.vars, only: field.toUpperCase() } }),
      }),
    });
    expect(await openStep(only, { field: 'm' }).take({ data: {} })).to.include({ outcome: 'done' });
    expect(() => openStep(only, { field: 'x' }))
      .to.throw()
      .with.property('code', 'WB_CONFIG_FAULTS');
  });

  it('cannot be changed once it is made', () => {
    expect(() => Object.assign(round, { name: 'other' })).to.throw(TypeError);
  });

  it('makes an error after which the attempt is made again', async () => {
    const busy = defineMediator({
      name: 'busy',
      describe: 'Is busy.',
      options: Type.Object({}),
      runs: 'io',
      prepare: () => ({ perform: () => Promise.reject(retryable('come back later', new Error('503'))) }),
    });
    expect(await openStep(busy, {}).take({ data: {} })).to.deep.include({
      outcome: 'retry',
      error: {
        code: 'WB_PLUGIN_FAILED',
        message: 'step 1 (busy): the plugin busy (a test): come back later',
      },
    });
    expect(retryable('x')).to.be.instanceOf(WaybillError);
  });

  it('has what a step that remembers needs', async () => {
    const everySecond = defineMediator({
      name: 'every-second',
      describe: 'Lets every second message of a key go on.',
      options: Type.Object({}),
      runs: 'state',
      state: { version: 1 },
      prepare: () => ({
        advance: (state, message) => (state === 1 ? { state: 0, emits: [message] } : { state: 1, emits: [] }),
      }),
    });
    const test = openStep(everySecond, {});
    const outcomes = [];
    for (const key of ['a', 'a', 'b', 'a']) outcomes.push((await test.take({ key, data: {} })).outcome);
    expect(outcomes).to.deep.equal(['merged', 'done', 'merged', 'merged']);
  });

  it('tells faults in its options with their place', async () => {
    const thrown = await rejection(Promise.resolve().then(() => openStep(round, { field: 'm' }, TEST)));
    expect(String(thrown)).to.contain('data.m is not in shop.amount@1');
  });
});
