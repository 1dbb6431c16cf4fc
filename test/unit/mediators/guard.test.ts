import { expect } from 'chai';
import { WaybillError } from '../../../src/errors.ts';
import { guard } from '../../../src/mediators/guard.ts';
import { MEDIATORS } from '../../../src/mediators/table.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import type { Plan, ProgramResult } from '../../../src/plan/plan.ts';
import type { Mediator, RouteMessage, Step } from '../../../src/ports/mediator.ts';
import { definition, object, planOf, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';
import { RouteRun } from '../../support/route-run.ts';

const ITEM = object({ id: TEXT, 'note?': TEXT, 'inner?': object({ 'tag?': TEXT }) }, { 'x-key': '/id' });

/** A mediator `geo` of `plugins/geo.mjs`, whose step is `step`. */
function geo(step: (scope: Parameters<Mediator['prepare']>[1]) => unknown, runs: Mediator['runs'] = 'pure'): Mediator {
  const options = { type: 'object' };
  const prepare = (_options: unknown, scope: Parameters<Mediator['prepare']>[1]): Step => step(scope) as Step;
  return guard(
    { name: 'geo', describe: 'Knows places.', options, runs, prepare },
    { from: 'plugins/geo.mjs', edition: 'e1' },
  );
}

function sketch(isolate = false): Parameters<typeof planOf>[0] {
  return {
    contracts: { 'shop.item@1': ITEM, 'shop.place@1': object({ id: TEXT, place: TEXT }) },
    services: {
      shop: { publishes: ['shop.item@1'] },
      oms: { receives: ['shop.item@1', 'shop.place@1'] },
      ops: { receives: ['shop.item@1'] },
    },
    routes: {
      r: `from: shop.item@1\nisolate: ${String(isolate)}\nsteps: [{ geo: { at: [1] } }]\nto: oms`,
      // Reads the same parsed data.
      other: 'from: shop.item@1\nsteps: [{ set: { data: { note: "data.id" } } }]\nto: ops',
    },
  };
}

function plan(mediator: Mediator): Plan {
  return planOf(sketch(), { mediators: [...MEDIATORS, mediator] });
}

const INPUT = message({ type: 'shop.item', data: { id: 'a', inner: { tag: 't' } } });

function run(step: (message: RouteMessage) => unknown): ProgramResult {
  const result = plan(geo(() => ({ run: step })))
    .program('router')
    ?.run(INPUT);
  if (result === undefined) throw new Error('no route is inline');
  return result;
}

function death(step: (message: RouteMessage) => unknown): string {
  const { deaths, sends } = run(step);
  // The other route is none the worse for it.
  expect(sends.map(({ message: { body } }) => Buffer.from(body).toString())).to.deep.equal([
    '{"id":"a","inner":{"tag":"t"},"note":"a"}',
  ]);
  return deaths.map(({ code, error }) => `${code} ${error}`).join('\n');
}

const WHO = 'step 1 (geo): the plugin geo (plugins/geo.mjs)';

function change(value: unknown, name: string, to: unknown): void {
  if (typeof value !== 'object' || value === null) throw new Error('it is no object');
  Object.assign(value, { [name]: to });
}

describe('the guard around plugins', () => {
  it('lets a mediator that does its work do it, ids and all', () => {
    const { sends, deaths } = run((each) => each.with({ data: { id: 'a', note: 'made' } }));
    expect(deaths).to.deep.equal([]);
    expect(Buffer.from(sends[0]?.message.body ?? []).toString()).to.equal('{"id":"a","note":"made"}');
    expect(run((each) => each).sends[0]?.message).to.equal(INPUT);
    expect(run((each) => [each, each]).sends).to.have.length(3);
    expect(run(() => undefined).sends).to.have.length(1);
  });

  it('names the plugin and its file when it throws', () => {
    const thrown = death(() => {
      throw new RangeError('no such place');
    });
    expect(thrown).to.equal(`WB_PLUGIN_FAILED ${WHO}: no such place`);
  });

  it('lets expressions of the bus read what was lent, and keep their code', () => {
    const reading = (source: string): ProgramResult | undefined =>
      plan(
        geo((scope) => {
          const note = scope.expression(source, [], 'value');
          return { run: (each: RouteMessage) => each.with({ data: { id: 'a', note: String(note?.evaluate(each)) } }) };
        }),
      )
        .program('router')
        ?.run(INPUT);
    expect(Buffer.from(reading("data.id + '!'")?.sends[0]?.message.body ?? []).toString()).to.contain('"note":"a!"');
    expect(reading('number(data.id)')?.deaths[0]?.code).to.equal('WB_EXPRESSION_FAILED');
  });

  it('protects what it lends: data, variables and envelope', () => {
    expect(
      death((each) => {
        change(each.data, 'id', 'b');
        return each;
      }),
    ).to.match(/^WB_PLUGIN_FAILED step 1 \(geo\): the plugin geo \(plugins\/geo\.mjs\) changes what it was given: /);
    expect(
      death((each) => {
        change((each.data as { inner: unknown }).inner, 'tag', 'b');
        return each;
      }),
    ).to.contain('changes what it was given');
    expect(
      death((each) => {
        change(each.envelope, 'key', 'b');
        return each;
      }),
    ).to.contain('changes what it was given');
    expect(
      death((each) => {
        change(each.vars, 'x', 'b');
        return each;
      }),
    ).to.contain('changes what it was given');
    expect(
      death((each) => {
        change(each, 'anything', 'b');
        return each;
      }),
    ).to.contain('changes what it was given');
  });

  it('refuses rubbish by name', () => {
    expect(death(() => 5)).to.equal(`WB_PLUGIN_RESULT ${WHO}: it is not a message`);
    expect(death(() => ({ data: {} }))).to.equal(`WB_PLUGIN_RESULT ${WHO}: it is not a message`);
    expect(death(() => Promise.resolve())).to.equal(`WB_PLUGIN_RESULT ${WHO}: it returned a promise`);
    const rubbish: readonly (readonly [unknown, string])[] = [
      [undefined, 'data is undefined'],
      [{ id: 'a', note: new Date(0) }, 'data.note is an object of the class Date'],
      [{ id: 'a', list: [1, Number.NaN] }, 'data.list[1] is NaN'],
      [{ id: () => 'a' }, 'data.id is a function'],
      [{ id: Promise.resolve('a') }, 'data.id is a promise, which nobody waited for'],
      [{ id: 5n }, 'data.id is a bigint'],
    ];
    for (const [data, wrong] of rubbish) {
      expect(death((each) => each.with({ data }))).to.equal(`WB_PLUGIN_RESULT ${WHO}: with({ data }): ${wrong}`);
    }
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(death((each) => each.with({ data: circle }))).to.contain('is nested without an end');
    expect(death((each) => each.with({ key: '' }))).to.contain('with({ key }): the key is no text, but empty');
    expect(death((each) => each.with({ envelope: { ...each.envelope, headers: { 'Not One': 'x' } } }))).to.contain(
      "with({ envelope }): a header's name",
    );
    expect(death((each) => each.with({ exit: { id: 5 } } as never))).to.contain('exit is none that the scope made');
    expect(death((each) => each.with({ dat: {} } as never))).to.contain('there is nothing of that name to change');
  });

  it('refuses attributes and headers that are no text, whatever they are instead', () => {
    const kinds: readonly (readonly [unknown, string])[] = [
      [5, 'a number'],
      [5n, 'a bigint'],
      [null, 'null'],
      [true, 'a boolean'],
      [['a'], 'a list'],
      [{ id: 'a' }, 'an object'],
      [Symbol('a'), 'a symbol'],
      [() => 'a', 'a function'],
    ];
    const perhaps = ['subject', 'key', 'traceparent', 'tracestate', 'correlationId', 'causationId', 'expiryTime'];
    let made: object = {};
    let thrown: unknown;
    const router = plan(
      geo(() => ({
        run(each: RouteMessage) {
          try {
            return each.with(made);
          } catch (error) {
            thrown = error;
            throw error;
          }
        },
      })),
    ).program('router');
    for (const [value, kind] of kinds) {
      const refuses = (what: string, change: object): void => {
        made = change;
        const [name] = Object.keys(change);
        const wrong = `with({ ${String(name)} }): ${what} is no text, but ${kind}`;
        expect(router?.run(INPUT).deaths).to.deep.include({
          code: 'WB_PLUGIN_RESULT',
          error: `${WHO}: ${wrong}`,
          attempts: [],
          route: 'r',
        });
        expect(thrown).to.include({
          message: wrong,
          retryable: false,
          fix: 'Make it text, as String(value) does, or leave it out.',
        });
      };
      refuses('the key', { key: value });
      for (const name of ['id', 'source', 'type', 'time', ...perhaps, 'replyTo'])
        refuses(`envelope.${name}`, { envelope: { ...INPUT.envelope, [name]: value } });
      refuses('envelope.headers.shard', { envelope: { ...INPUT.envelope, headers: { shard: value } } });
    }
    // Whatever it says when it is asked again.
    let asked = 0;
    const fickle = {
      get key(): unknown {
        return asked++ === 0 ? 'text' : 5;
      },
    };
    expect(run((each) => each.with(fickle as never)).sends[0]?.message.envelope.key).to.equal('text');
  });

  it('checks new data against the contract before any later step sees it', () => {
    expect(death((each) => each.with({ data: { note: 'no id' } }))).to.contain(`WB_CONTRACT_VIOLATED ${WHO}: `);
    const retyped = geo((scope) => {
      scope.becomes('shop.place@1', []);
      return { run: (each: RouteMessage) => each };
    });
    const result = plan(retyped).program('router')?.run(INPUT);
    expect(result?.deaths[0]?.error).to.contain(`${WHO}: `).and.contain('place');
  });

  it('makes faults of the configuration of what goes wrong while a route is checked', () => {
    const faultOf = (mediator: Mediator): string =>
      compilePlan(definition(sketch()), { mediators: [...MEDIATORS, mediator] })
        .faults.map(({ code, message: text }) => `${code} ${text}`)
        .join('\n');
    const who = 'the plugin geo (plugins/geo.mjs)';
    const broken = geo(() => {
      throw new Error('no map');
    });
    expect(faultOf(broken)).to.equal(`WB_PLUGIN_FAILED ${who}: no map`);
    expect(faultOf(geo(() => Promise.resolve({})))).to.equal(
      `WB_PLUGIN_RESULT ${who}: prepare() gave no step with run(), which a mediator that runs pure has`,
    );
    expect(faultOf(geo(() => ({ run: 5 })))).to.contain('prepare() gave no step with run()');
    expect(faultOf(geo(() => ({ run: () => undefined }), 'io'))).to.contain('no step with perform()');
    expect(faultOf(geo(() => undefined))).to.equal('WB_MEDIATOR_OPTION geo cannot be prepared');
    // What it would have made of the data is not known, so later steps are not blamed.
    const r = 'from: shop.item@1\nsteps: [{ geo: { at: [1] } }, { filter: data.nothing == 1 }]\nto: oms';
    const later = { ...sketch(), routes: { r } };
    expect(
      compilePlan(definition(later), { mediators: [...MEDIATORS, broken] }).faults.map(({ code }) => code),
    ).to.deep.equal(['WB_PLUGIN_FAILED']);
  });

  it('tries again what says that it is retryable, whichever copy of Waybill its error is of', async () => {
    const failing = (error: Error): Promise<unknown> =>
      new RouteRun(
        planOf(sketch(true), {
          mediators: [...MEDIATORS, geo(() => ({ perform: () => Promise.reject(error) }), 'io')],
        }),
      )
        .take(INPUT)
        .catch((thrown: unknown) => thrown);
    expect(await failing(Object.assign(new Error('busy'), { retryable: true }))).to.include({
      code: 'WB_PLUGIN_FAILED',
      retryable: true,
      message: `${WHO}: busy`,
    });
    expect(await failing(new WaybillError('WB_STORE_UNAVAILABLE', 'away', { retryable: true }))).to.include({
      code: 'WB_STORE_UNAVAILABLE',
      retryable: true,
    });
    expect(await failing(new Error('broken'))).to.have.property('dead', `WB_PLUGIN_FAILED ${WHO}: broken`);
  });

  it('bears a promise that it was not given for, also when that is rejected', async () => {
    const unheard: unknown[] = [];
    const hear = (reason: unknown): void => {
      unheard.push(reason);
    };
    process.on('unhandledRejection', hear);
    try {
      const late = (): Promise<never> => Promise.reject(new Error('late'));
      expect(death(late)).to.equal(`WB_PLUGIN_RESULT ${WHO}: it returned a promise`);
      expect(death(() => [late()])).to.equal(`WB_PLUGIN_RESULT ${WHO}: it returned a promise`);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unheard).to.deep.equal([]);
    } finally {
      process.off('unhandledRejection', hear);
    }
  });

  it('ends what hangs with its attempt', async () => {
    const hanging = geo(() => ({ perform: () => new Promise(() => undefined) }), 'io');
    const program = planOf(sketch(true), { mediators: [...MEDIATORS, hanging] }).program('route.r');
    const attempt = new AbortController();
    const result = program?.perform(INPUT, {
      signal: attempt.signal,
      attempt: 1,
      resources: {
        keys: () => ({ current: { id: '', key: Buffer.alloc(0) }, find: () => undefined }),
        ask: () => Promise.resolve(undefined),
        request: () => Promise.resolve(undefined),
      },
      states: { read: () => Promise.resolve(undefined), write: () => undefined, mark: () => () => undefined },
      graceMs: 0,
      now: () => 0,
      pause: () => Promise.resolve(),
    });
    attempt.abort();
    expect(await result?.catch((thrown: unknown) => thrown)).to.include({
      code: 'WB_PLUGIN_FAILED',
      retryable: true,
      message: `${WHO}: it did not end within the time of its attempt`,
    });
  });

  it('guards steps that remember: their state, their timers and what they let go', async () => {
    const stateful = (advance: (state: unknown, each: RouteMessage) => unknown): RouteRun =>
      new RouteRun(planOf(sketch(), { mediators: [...MEDIATORS, geo(() => ({ advance }), 'state')] }));
    const counting = stateful((state, each) => {
      const seen = typeof state === 'object' && state !== null && 'seen' in state ? Number(state.seen) : 0;
      return {
        state: { seen: seen + 1 },
        emits: seen === 0 ? [] : [each.with({ data: { id: 'a', note: String(seen) } })],
      };
    });
    expect((await counting.take(INPUT)).sent).to.deep.equal([]);
    const second = message({ type: 'shop.item', data: { id: 'a' }, key: INPUT.envelope.key ?? INPUT.envelope.id });
    expect((await counting.take(second)).sent).to.deep.equal(['oms {"id":"a","note":"1"}']);
    const dead = async (advance: (state: unknown, each: RouteMessage) => unknown): Promise<string | undefined> =>
      (await stateful(advance).take(INPUT)).dead;
    expect(await dead(() => 5)).to.equal(`WB_PLUGIN_RESULT ${WHO}: advance() gave no transition`);
    expect(await dead(() => ({ state: new Map(), emits: [] }))).to.contain('state is an object of the class Map');
    expect(await dead(() => ({ state: 1, emits: [5] }))).to.contain('it is not a message');
    expect(await dead(() => ({ state: 1, emits: [], timers: [{ name: 'x' }] }))).to.contain(
      'a timer has a name and atMs',
    );
    expect(await dead((_, each) => ({ state: 1, emits: [each.with({ data: {} })] }))).to.contain(
      'WB_CONTRACT_VIOLATED',
    );
  });
});
