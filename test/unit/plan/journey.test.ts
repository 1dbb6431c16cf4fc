import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import { filter } from '../../../src/mediators/filter.ts';
import { map } from '../../../src/mediators/map.ts';
import type { EncodedMessage } from '../../../src/message.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type {
  KeptMessage,
  Mediator,
  Moment,
  RouteMessage,
  StepTimer,
  StepWork,
  Transition,
} from '../../../src/ports/mediator.ts';
import { NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';
import { rejection } from '../../support/rejection.ts';
import { RouteRun } from '../../support/route-run.ts';

const ORDER = object({ id: TEXT, 'n?': NUMBER }, { 'x-key': '/id' });
const PLACED = 'shop.order.placed@1';
const PAID = 'shop.order.paid@1';

/** A step that remembers, of which the test says what it does. */
function remembering(
  advance: (state: unknown, message: RouteMessage, moment: Moment) => Transition,
  more: Partial<Mediator> = {},
): Mediator {
  return {
    name: 'remember',
    describe: 'Remembers.',
    options: {},
    runs: 'state',
    prepare: () => ({ advance }),
    ...more,
  };
}

function asking(perform: (message: RouteMessage, work: StepWork) => Promise<RouteMessage | undefined>): Mediator {
  return { name: 'ask', describe: 'Asks.', options: {}, runs: 'io', prepare: () => ({ perform }) };
}

const fan: Mediator = {
  name: 'fan',
  describe: 'Makes two of one.',
  options: {},
  prepare: () => ({ run: (each) => [each.with({ vars: { part: 1 } }), each.with({ vars: { part: 2 } })] }),
};

function plan(steps: readonly string[], mediators: readonly Mediator[], more = ''): Plan {
  const list = steps.map((step) => (step.includes(':') ? `{ ${step} }` : `{ ${step}: {} }`)).join(', ');
  return planOf(
    {
      contracts: { [PLACED]: ORDER, [PAID]: ORDER },
      services: {
        shop: { publishes: [PLACED, PAID] },
        oms: { receives: [PLACED, PAID] },
        ops: { receives: [PLACED, PAID] },
      },
      routes: { r: `from: [${PLACED}, ${PAID}]\nsteps: [${list}]\nto: oms\n${more}` },
    },
    { mediators: [...mediators, filter, map] },
  );
}

function order(id: string, more: Partial<EncodedMessage['envelope']> & { n?: number; body?: Uint8Array } = {}) {
  const { n, body, ...envelope } = more;
  return message({
    id: `m-${id}`,
    source: '/shop',
    key: id,
    data: { id, ...(n !== undefined && { n }) },
    ...(body !== undefined && { body }),
    ...envelope,
  });
}

const count = remembering((state, each) => {
  const n = typeof state === 'number' ? state + 1 : 1;
  return { state: n, emits: [each.with({ data: { id: each.envelope.key, n } })] };
});

interface Collected {
  readonly kept: readonly KeptMessage[];
}
const isCollected = (state: unknown): state is Collected => typeof state === 'object' && state !== null;

/** Keeps messages until a timer of 1 s lets them go. */
function collecting(state: unknown, each: RouteMessage, moment: Moment): Transition {
  const kept = isCollected(state) ? state.kept : [];
  if (moment.timer !== undefined) return { state: undefined, emits: kept.map((one) => moment.restore(one)) };
  return {
    state: { kept: [...kept, moment.keep(each)] },
    emits: [],
    timers: kept.length === 0 ? [{ name: 'done', atMs: moment.nowMs + 1_000 }] : [],
  };
}
const collect = remembering(collecting);
/** Whatever their key. */
const collectAll = remembering(collecting, { prepare: () => ({ key: () => 'all', advance: collecting }) });

const late = (ms: number): Mediator => ({
  name: 'late',
  describe: 'Waits.',
  options: {},
  runs: 'io',
  prepare: () => ({ perform: (each, work) => Promise.resolve(each.with({ notBeforeMs: work.now() + ms })) }),
});

const fails: Mediator = {
  name: 'fail',
  describe: 'Fails.',
  options: {},
  prepare: () => ({
    run: () => {
      throw new WaybillError('WB_EXPRESSION_FAILED', 'no result');
    },
  }),
};

const bodyOf = ({ message: { body } }: { message: EncodedMessage }): string => Buffer.from(body).toString();
const idOf = ({ message: { envelope } }: { message: EncodedMessage }): string => envelope.id;

describe('the journey of a message through an isolated route', () => {
  describe('states', () => {
    it('hands a step the state it left, by key, and no other', async () => {
      const run = new RouteRun(plan(['remember'], [count]));
      await run.take(order('a'));
      await run.take(order('b'));
      expect((await run.take(order('a'))).sent).to.deep.equal(['oms {"id":"a","n":2}']);
      expect(run.stored.entries()).to.deep.equal({ 'route.r/remember a': [1, 2], 'route.r/remember b': [1, 1] });
    });

    it('gives each step states of its own, by its name and which of that name it is', async () => {
      const run = new RouteRun(plan(['remember', 'filter: "true"', 'remember'], [count]));
      await run.take(order('a'));
      expect(Object.keys(run.stored.entries())).to.deep.equal(['route.r/remember a', 'route.r/remember-2 a']);
    });

    it('forgets what a step forgets, and what its time is over for', async () => {
      const once = remembering((state, each, { nowMs }) =>
        state === undefined
          ? { state: 1, emits: [each], forgetAtMs: nowMs + 1_000 }
          : { state: undefined, emits: [], outcome: 'duplicate' },
      );
      const run = new RouteRun(plan(['remember'], [once]));
      await run.take(order('a'));
      const { result } = await run.take(order('a'));
      expect(result).to.deep.include({ absorbed: 'duplicate', filtered: false, sends: [] });
      expect(result.counts).to.deep.equal([
        ['r', 'in', 1],
        ['r', 'duplicate', 1],
      ]);
      expect(run.stored.entries()).to.deep.equal({});
    });

    it('remembers nothing of a message on which a later step fails, which is a dead letter', async () => {
      const run = new RouteRun(plan(['remember', 'fail'], [count, fails]));
      const { dead, sent } = await run.take(order('a'));
      expect(dead).to.equal('WB_EXPRESSION_FAILED step 2 (fail): no result');
      expect(sent).to.deep.equal([]);
      expect(run.stored.entries()).to.deep.equal({});
    });

    it('remembers nothing either of one that `onError` takes, and sends it there as it came', async () => {
      const run = new RouteRun(plan(['remember', 'fail'], [count, fails], 'onError: { service: ops }'));
      const { dead, sent } = await run.take(order('a'));
      expect(dead).to.equal(undefined);
      expect(sent).to.deep.equal(['ops {"id":"a"}']);
      expect(run.stored.entries()).to.deep.equal({});
    });

    it('throws what may heal, so that the attempt is made again, with nothing remembered', async () => {
      let attempts = 0;
      const ask = asking(async (each) => {
        attempts += 1;
        if (attempts === 1) throw new WaybillError('WB_STEP_FAILED', 'away', { retryable: true });
        return Promise.resolve(each);
      });
      const run = new RouteRun(plan(['ask', 'remember'], [ask, count]));
      const error = await rejection(run.take(order('a')));
      expect(error).to.deep.include({ code: 'WB_STEP_FAILED', retryable: true, message: 'step 1 (ask): away' });
      expect(run.stored.entries()).to.deep.equal({});
      expect((await run.take(order('a'))).sent).to.deep.equal(['oms {"id":"a","n":1}']);
    });

    it('lets what comes after a step that remembers ask outside by a delivery of its own, once the state is durable', async () => {
      let fail = true;
      const ask = asking((each) =>
        fail ? Promise.reject(new WaybillError('WB_STEP_FAILED', 'away', { retryable: true })) : Promise.resolve(each),
      );
      const run = new RouteRun(plan(['remember', 'ask'], [count, ask]));
      const { sent, result } = await run.take(order('a'));
      expect(sent).to.deep.equal([]);
      expect(result).to.deep.include({ filtered: false });
      expect(run.stored.entries()).to.deep.equal({ 'route.r/remember a': [1, 1] });
      expect(run.waits).to.deep.equal([0]);
      const [waiting] = run.later;
      await rejection(run.advance(0));
      fail = false;
      if (waiting === undefined) throw new Error('nothing waits');
      expect((await run.take(waiting.message)).sent).to.deep.equal(['oms {"id":"a","n":1}']);
    });

    it('migrates a state of an older form, and refuses one it cannot read by name', async () => {
      const form = {
        version: 2,
        migrate: (state: unknown, from: number) => (from === 1 ? Number(state) * 10 : undefined),
      };
      const grown = remembering(
        (state, each) => ({ state, emits: [each.with({ data: { id: 'x', n: Number(state) } })] }),
        { state: form },
      );
      const run = new RouteRun(plan(['remember'], [grown]));
      run.stored.put('route.r/remember a', [1, 7]);
      expect((await run.take(order('a'))).sent).to.deep.equal(['oms {"id":"x","n":70}']);
      expect(run.stored.entries()).to.deep.equal({ 'route.r/remember a': [2, 70] });
      for (const [written, why] of [
        [[0, 1], 'form 0, and this Waybill reads form 2'],
        [[3, 1], 'form 3, and this Waybill reads form 2'],
        ['odd', 'no state of a step'],
      ] as const) {
        run.stored.put('route.r/remember b', written);
        const { dead } = await run.take(order('b'));
        expect(dead)
          .to.match(/^WB_STATE_OUTDATED step 1 \(remember\): /)
          .and.to.contain(why);
      }
    });

    it('refuses a step that brings messages together where they are not of one type', () => {
      const mixing = [{ ...count, mixes: true }];
      expect(() => plan(['remember'], mixing)).to.throw(
        'remember brings messages together, and they are shop.order.paid@1 or shop.order.placed@1 here',
      );
      expect(() => plan([`map: { to: ${PLACED}, set: { id: data.id } }`, 'remember'], mixing)).not.to.throw();
    });
  });

  describe('timers', () => {
    it('come back to the step as messages to the endpoint of the route, with their key, tag and time', async () => {
      const fired: (StepTimer & { readonly state: unknown; readonly nowMs: number })[] = [];
      const timed = remembering((state, _each, { timer, nowMs }) => {
        if (timer === undefined)
          return { state: 'waiting', emits: [], timers: [{ name: 'late', atMs: nowMs + 5_000, tag: { of: 1 } }] };
        fired.push({ ...timer, state, nowMs });
        return { state: undefined, emits: [] };
      });
      const run = new RouteRun(plan(['remember'], [timed]));
      const { result } = await run.take(order('a'));
      expect(result).to.deep.include({ absorbed: 'merged' });
      expect(run.waits).to.deep.equal([5_000]);
      const atMs = run.nowMs + 5_000;
      expect(run.later[0]?.to).to.deep.equal({ endpoint: 'route.r' });
      expect(run.later[0]?.message.envelope).to.deep.include({ key: 'a', causationId: 'm-a' });
      expect(await run.advance(4_999)).to.deep.equal([]);
      expect(fired).to.deep.equal([]);
      await run.advance(1);
      expect(fired).to.deep.equal([{ name: 'late', atMs, tag: { of: 1 }, state: 'waiting', nowMs: atMs }]);
      expect(run.stored.entries()).to.deep.equal({});
    });

    it('have the same ids when the message is handled again', async () => {
      const timed = remembering((_state, _each, { nowMs }) => ({
        state: 1,
        emits: [],
        timers: [
          { name: 't', atMs: nowMs + 1 },
          { name: 't', atMs: nowMs + 2 },
          { name: 'u', atMs: nowMs + 3 },
        ],
      }));
      const run = new RouteRun(plan(['remember'], [timed]));
      await run.take(order('a'));
      await run.take(order('a'));
      const ids = run.later.map(idOf);
      expect(ids).to.have.length(6);
      expect(new Set(ids).size).to.equal(3);
    });

    it('let go what the step kept, byte for byte and under its own id', async () => {
      const run = new RouteRun(plan(['remember'], [collect]));
      const body = Buffer.from('{ "id" : "a", "n":12345678901234567890 }');
      await run.take(order('a', { body, correlationId: 'c-1' }));
      await run.take(order('a', { id: 'm-2', type: 'shop.order.paid' }));
      await run.advance(1_000);
      expect(run.sends.map(bodyOf)).to.deep.equal([body.toString(), '{"id":"a"}']);
      expect(run.sends.map(({ message: { envelope } }) => `${envelope.id} ${envelope.type}`)).to.deep.equal([
        'm-a shop.order.placed',
        'm-2 shop.order.paid',
      ]);
      expect(run.sends[0]?.message.envelope).to.deep.include({ correlationId: 'c-1', key: 'a' });
    });

    it('keep variables and rewritten data as well, numbers that are not exact included', async () => {
      const tag: Mediator = {
        name: 'tag',
        describe: 'Adds.',
        options: {},
        prepare: (_options, scope) => {
          scope.adds('raw', { plain: 'any' });
          return { run: (each) => each.with({ vars: { raw: each.data }, data: { id: 'new', n: 1 }, key: 'k2' }) };
        },
      };
      const show: Mediator = {
        name: 'show',
        describe: 'Shows.',
        options: {},
        prepare: () => ({
          run: (each) =>
            each.with({
              data: { id: `${each.envelope.key ?? ''} ${String(Reflect.get(Object(each.vars['raw']), 'n'))}` },
            }),
        }),
      };
      const run = new RouteRun(plan(['tag', 'remember', 'show'], [tag, collect, show]));
      await run.take(order('a', { body: Buffer.from('{"id":"a","n":12345678901234567890}') }));
      expect(await run.advance(1_000)).to.deep.equal(['oms {"id":"k2 12345678901234567890"}']);
    });

    it('bring a message back with them, which is what fails where they fail', async () => {
      const carrying = remembering((_state, each, { nowMs, timer }) =>
        timer?.message === undefined
          ? { state: 1, emits: [], timers: [{ name: 't', atMs: nowMs + 10, message: each }] }
          : { state: undefined, emits: [timer.message] },
      );
      const run = new RouteRun(plan(['remember'], [carrying]));
      const { result } = await run.take(order('a'));
      expect(result).not.to.have.property('absorbed');
      expect(result.counts).to.deep.equal([['r', 'in', 1]]);
      expect(await run.advance(10)).to.deep.equal(['oms {"id":"a"}']);
      expect(run.sends.map(idOf)).to.deep.equal(['m-a']);
      const failing = new RouteRun(plan(['remember', 'fail'], [carrying, fails], 'onError: { service: ops }'));
      await failing.take(order('a'));
      expect(await failing.advance(10)).to.deep.equal(['ops {"id":"a"}']);
    });

    it('that have nothing to do any more are done, and counted nowhere', async () => {
      const run = new RouteRun(
        plan(
          ['remember'],
          [
            remembering((_s, _m, { timer, nowMs }) =>
              timer === undefined
                ? { state: 1, emits: [], timers: [{ name: 't', atMs: nowMs }] }
                : { state: 1, emits: [] },
            ),
          ],
        ),
      );
      await run.take(order('a'));
      const [timer] = run.later;
      if (timer === undefined) throw new Error('no timer');
      const { result } = await run.take(timer.message);
      expect(result).to.deep.equal({ sends: [], deaths: [], filtered: false, unknown: false, counts: [] });
    });

    it('may make a message with new data, and cannot go on as they are', async () => {
      const told = (emit: (each: RouteMessage) => RouteMessage) =>
        remembering((_s, each, { timer, nowMs }) =>
          timer === undefined
            ? { state: 1, emits: [], timers: [{ name: 't', atMs: nowMs }] }
            : { state: 1, emits: [emit(each)] },
        );
      const run = new RouteRun(plan(['remember'], [told((each) => each.with({ data: { id: 'late' } }))]));
      await run.take(order('a'));
      expect(await run.advance(0)).to.deep.equal(['oms {"id":"late"}']);
      expect(run.sends[0]?.message.envelope).to.deep.include({
        type: 'shop.order.placed',
        key: 'late',
        correlationId: 'm-a',
      });
      const odd = new RouteRun(plan(['remember'], [told((each) => each)]));
      await odd.take(order('a'));
      expect(await odd.advance(0)).to.deep.equal([
        'dead WB_STEP_FAILED step 1 (remember): it let the timer itself go on, which has no data',
      ]);
    });

    it('of a step that is gone are refused by name, and remember nothing', async () => {
      const before = new RouteRun(plan(['remember'], [collect]));
      await before.take(order('a'));
      const after = new RouteRun(plan(['filter: "true"', 'ask'], [asking((each) => Promise.resolve(each))]), 'r', {
        after: before,
      });
      expect(await after.advance(1_000)).to.deep.equal([
        'dead WB_STEP_UNKNOWN the route r has no step remember any more, for which this waits',
      ]);
      expect(Object.keys(after.stored.entries())).to.deep.equal(['route.r/remember a']);
    });

    it('are read by a step that moved', async () => {
      const before = new RouteRun(plan(['remember'], [collect]));
      await before.take(order('a'));
      const after = new RouteRun(plan(['filter: "true"', 'remember'], [collect]), 'r', { after: before });
      expect(await after.advance(1_000)).to.deep.equal(['oms {"id":"a"}']);
    });

    it('refuse to let go what was kept as another type', async () => {
      const before = new RouteRun(plan(['remember'], [collect]));
      await before.take(order('a'));
      const after = new RouteRun(plan([`map: { to: ${PAID}, set: { id: data.id } }`, 'remember'], [collect]), 'r', {
        after: before,
      });
      expect(await after.advance(1_000)).to.deep.equal([
        'dead WB_STATE_OUTDATED step 2 (remember): remember kept a message as shop.order.placed@1, and the route has another type there by now',
      ]);
    });
  });

  describe('messages that wait in the middle', () => {
    it('go on as messages of their own, not before their time, byte for byte and under their own id', async () => {
      const run = new RouteRun(plan(['late', 'filter: data.id == "a"'], [late(60_000)]));
      const body = Buffer.from('{ "id": "a" }');
      const { result } = await run.take(order('a', { body }));
      expect(result).to.deep.include({ filtered: false });
      expect(result.counts).to.deep.equal([['r', 'in', 1]]);
      expect(await run.advance(59_999)).to.deep.equal([]);
      expect(await run.advance(1)).to.deep.equal(['oms { "id": "a" }']);
      expect(run.sends.map(idOf)).to.deep.equal(['m-a']);
    });

    it('wait in place for up to 5 ms, and for the rest of their time where the transport would take longer', async () => {
      const run = new RouteRun(plan(['late'], [late(4)]), 'r', { graceMs: 1_000 });
      expect((await run.take(order('a'))).sent).to.have.length(1);
      expect(run.pausedMs).to.equal(4);
      const longer = new RouteRun(plan(['late'], [late(2_500)]), 'r', { graceMs: 1_000 });
      await longer.take(order('a'));
      expect(longer.waits).to.deep.equal([1_500]);
      const dueMs = longer.nowMs + 2_500;
      expect(await longer.advance(1_500)).to.deep.equal(['oms {"id":"a"}']);
      expect([longer.pausedMs, longer.nowMs]).to.deep.equal([1_000, dueMs]);
    });

    it('wait together, not one after the other, where the transport would take longer', async () => {
      const run = new RouteRun(plan(['late'], [late(1_000)]), 'r', { graceMs: 1_000 });
      const begun = run.nowMs;
      for (const id of ['a', 'b', 'c']) await run.take(order(id));
      expect(await run.advance(0)).to.deep.equal(['oms {"id":"a"}', 'oms {"id":"b"}', 'oms {"id":"c"}']);
      expect(run.nowMs).to.equal(begun + 1_000);
    });

    it('wait on by another message when they come before their time, as those do that wait longer than a transport can', async () => {
      const DAYS = 86_400_000;
      const run = new RouteRun(plan(['late'], [late(100 * DAYS)]));
      await run.take(order('a'));
      expect(run.waits).to.deep.equal([48 * DAYS]);
      const ids = run.later.map(idOf);
      expect(await run.advance(99 * DAYS)).to.deep.equal([]);
      ids.push(...run.later.map(idOf));
      expect(new Set(ids).size).to.equal(2);
      expect(await run.advance(DAYS)).to.deep.equal(['oms {"id":"a"}']);
    });

    it('fail as what they came as', async () => {
      const run = new RouteRun(plan(['late', 'fail'], [late(10), fails], 'onError: { service: ops }'));
      await run.take(order('a'));
      expect(await run.advance(10)).to.deep.equal(['ops {"id":"a"}']);
      const dead = new RouteRun(plan(['late', 'fail'], [late(10), fails]));
      await dead.take(order('a'));
      expect(await dead.advance(10)).to.deep.equal(['dead WB_EXPRESSION_FAILED step 2 (fail): no result']);
    });

    it('are refused by name when the step they waited at is gone, or the type there is another', async () => {
      const before = new RouteRun(plan(['late'], [late(10)]));
      await before.take(order('a'));
      const gone = new RouteRun(plan(['remember'], [count]), 'r', { after: before });
      expect(await gone.advance(10)).to.deep.equal([
        'dead WB_STATE_OUTDATED late kept a message as shop.order.placed@1, and the route has another type there by now',
      ]);
    });
  });

  describe('several messages of one', () => {
    it('have ids of their own, the same whenever they are made again, and stay in order', async () => {
      const run = new RouteRun(plan(['fan', 'ask'], [fan, asking((each) => Promise.resolve(each))]));
      await run.take(order('a'));
      await run.take(order('a'));
      const ids = run.sends.map(idOf);
      expect(ids).to.have.length(4);
      expect(new Set(ids).size).to.equal(2);
      expect(ids.slice(0, 2)).to.deep.equal(ids.slice(2));
      expect(ids).not.to.include('m-a');
    });

    it('wait under ids of their own', async () => {
      const run = new RouteRun(plan(['fan', 'late'], [fan, late(10)]));
      await run.take(order('a'));
      expect(new Set(run.later.map(idOf)).size).to.equal(2);
      await run.advance(10);
      expect(new Set(run.sends.map(idOf)).size).to.equal(2);
    });

    it('go through a step that remembers one after the other', async () => {
      const run = new RouteRun(plan(['fan', 'remember'], [fan, count]));
      expect((await run.take(order('a'))).sent).to.deep.equal(['oms {"id":"a","n":1}', 'oms {"id":"a","n":2}']);
    });
  });

  describe('one that fails of those that a step lets go', () => {
    const failsOn = (...ids: readonly string[]): Mediator => ({
      ...fails,
      prepare: () => ({
        run: (each) => {
          if (ids.includes(each.envelope.key ?? '')) throw new WaybillError('WB_EXPRESSION_FAILED', 'no result');
          return each;
        },
      }),
    });
    const after = async (ids: readonly string[], mediators: readonly Mediator[], steps: readonly string[]) => {
      const run = new RouteRun(plan(steps, mediators));
      for (const id of ids) await run.take(order(id));
      return run;
    };

    it('fails alone, and leaves nothing behind of what later steps remembered and set', async () => {
      const waking = remembering(
        (_state, each, { nowMs }) => ({ state: 1, emits: [each], timers: [{ name: 't', atMs: nowMs + 60_000 }] }),
        { name: 'waking' },
      );
      const run = await after(['a', 'b', 'c'], [collectAll, waking, failsOn('b')], ['remember', 'waking', 'fail']);
      expect(await run.advance(1_000)).to.deep.equal([
        'oms {"id":"a"}',
        'oms {"id":"c"}',
        'dead WB_EXPRESSION_FAILED step 3 (fail): no result',
      ]);
      expect(Object.keys(run.stored.entries())).to.deep.equal(['route.r/waking a', 'route.r/waking c']);
      expect(run.waits).to.deep.equal([60_000, 60_000]);
      expect(run.sends.map(idOf)).to.deep.equal(['m-a', 'm-c']);
    });

    it('fails with all of them where they are parts of the message that came', async () => {
      const parts = remembering((_state, each) => ({
        state: 1,
        emits: [each.with({ key: 'x' }), each.with({ key: 'y' })],
      }));
      const run = new RouteRun(plan(['remember', 'fail'], [parts, failsOn('y')]));
      expect(await run.take(order('a'))).to.deep.include({
        sent: [],
        dead: 'WB_EXPRESSION_FAILED step 2 (fail): no result',
      });
      expect(run.stored.entries()).to.deep.equal({});
      expect(run.later).to.deep.equal([]);
    });

    it('has the attempt made again when it may heal', async () => {
      let away = true;
      const heals: Mediator = {
        ...fails,
        prepare: () => ({
          run: (each) => {
            if (away && each.envelope.key === 'b')
              throw new WaybillError('WB_PLUGIN_FAILED', 'away', { retryable: true });
            return each;
          },
        }),
      };
      const run = await after(['a', 'b', 'c'], [collectAll, heals], ['remember', 'fail']);
      expect(await rejection(run.advance(1_000))).to.include({ code: 'WB_PLUGIN_FAILED' });
      away = false;
      expect(await run.advance(0)).to.deep.equal(['oms {"id":"a"}', 'oms {"id":"b"}', 'oms {"id":"c"}']);
    });
  });

  it('lets a message out where a step says, past the later steps', async () => {
    const copy: Mediator = {
      name: 'copy',
      describe: 'Tells operations.',
      options: {},
      prepare: (_options, scope) => {
        const exit = scope.exit('ops', PLACED, []);
        return exit && { run: (each) => [each, each.with({ data: { id: 'copy' }, exit })] };
      },
    };
    const made = plan(['copy', 'remember', 'late'], [copy, count, late(5)]);
    expect(made.routes[0]?.to).to.deep.include({ service: 'ops', as: PLACED });
    const run = new RouteRun(made);
    expect((await run.take(order('a'))).sent).to.deep.equal(['ops {"id":"copy"}']);
    expect(await run.advance(5)).to.deep.equal(['oms {"id":"a","n":1}']);
    expect(new Set(run.sends.map(idOf)).size).to.equal(2);
  });

  it('does what `onError` says of a message whose attempts are used up, else names the route in its death', () => {
    const program = plan(['ask'], [asking((each) => Promise.resolve(each))], 'onError: { service: ops }').program(
      'route.r',
    );
    const death = { code: 'WB_STEP_FAILED', error: 'away', attempts: [] } as const;
    const given = program?.giveUp(order('a'), death);
    expect(given?.sends.map(bodyOf)).to.deep.equal(['{"id":"a"}']);
    expect(given?.deaths).to.deep.equal([]);
    const bare = plan(['ask'], [asking((each) => Promise.resolve(each))]).program('route.r');
    expect(bare?.giveUp(order('a'), death).deaths).to.deep.equal([{ ...death, route: 'r' }]);
  });

  it('says which step gave something that is no message', async () => {
    const odd = asking(() => Promise.resolve(undefined));
    const run = new RouteRun(plan(['ask'], [odd]));
    expect((await run.take(order('a'))).result).to.deep.include({ filtered: true });
    const rubbish: Mediator = {
      ...odd,
      prepare: () => ({ perform: () => Promise.resolve(JSON.parse('[1]') as RouteMessage[]) }),
    };
    expect((await new RouteRun(plan(['ask'], [rubbish])).take(order('a'))).dead).to.equal(
      'WB_STEP_FAILED step 1 (ask): it returned something that is not a message',
    );
  });
});
