import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openEmbedded } from '../../../src/adapters/embedded/transport.ts';
import { systemClock, type Transport } from '../../../src/index.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { Tables } from '../../../src/ports/lookup.ts';
import { Control } from '../../../src/runtime/control.ts';
import { LiveTables } from '../../../src/runtime/live-tables.ts';
import { ProcessResources } from '../../../src/runtime/resources.ts';
import { Router } from '../../../src/runtime/router.ts';
import { Scheduler } from '../../../src/runtime/scheduler.ts';
import { OwnStates } from '../../../src/runtime/states.ts';
import { Collector } from '../../support/collector.ts';
import { object, planOf, TEXT } from '../../support/definitions.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Midnight: the transport, whose clock is the system's, must not forget at once what is remembered. */
const START = Math.ceil(systemClock.now() / DAY) * DAY;

function plan(missed: string, cron = '*/10 * * * *', at = 'meta.time', steps = ''): Plan {
  return planOf({
    contracts: { 'ops.run.due@1': object({ at: TEXT }), 'geo.town@1': object({ id: TEXT }) },
    sources: { towns: { table: { file: 'towns.csv', key: 'id' }, response: 'geo.town@1' } },
    services: { ops: { receives: ['ops.run.due@1'] } },
    routes: {
      run: `from: { schedule: '${cron}', as: ops.run.due@1, missed: ${missed}, data: { at: "${at}" } }\n${steps}to: ops`,
    },
  });
}

describe('the scheduler', () => {
  let folder: string;
  let transport: Transport;
  let clock: ManualClock;
  let ops: Collector;
  let said: string[];
  const running: { close(): Promise<void> | void }[] = [];

  const say = (fields: object, text: string): void => {
    said.push(`${text} ${JSON.stringify(fields)}`);
  };
  const log: Log = { ...testLog, error: say };

  function partsOf(tables: Tables = new LiveTables({ settings: new Map(), clock, log })) {
    const { state } = transport;
    if (state === undefined) throw new Error('the transport has no states');
    return { transport, clock, log, tables, states: new OwnStates(state) };
  }

  /** As `waybill apply` then. */
  async function apply({ definition, edition, topology }: Plan): Promise<void> {
    const appliedAt = new Date(clock.now()).toISOString();
    await transport.apply({ format: 1, bus: 'retail', edition, appliedAt, appliedBy: 'tests', topology, definition });
    ops = await Collector.start(transport, 'ops');
  }

  async function startRouter(of: Plan, tables?: Tables): Promise<Router> {
    const planless = () => Promise.resolve(of);
    const router = new Router(of, {
      ...partsOf(tables),
      planOf: planless,
      resources: new ProcessResources(),
      control: new Control(),
    });
    running.push(router);
    await router.start();
    return router;
  }

  /** Time goes on in steps, so that what comes of one is done before the next. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10_000) {
      clock.advance(Math.min(left, 10_000));
      await settled();
    }
  }

  /** Until every tick that was brought has gone through its route. */
  const settled = (): Promise<unknown> =>
    until('all to be settled', async () => {
      const { endpoints } = await transport.stats();
      return endpoints.every(({ name, waiting, inHand }) => name === 'ops' || waiting + inHand === 0);
    });

  const ticks = (): string[] => ops.deliveries.map(({ message }) => message.envelope.time.slice(11, 16));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    said = [];
    clock = new ManualClock();
    clock.set(START);
    transport = await openEmbedded({ folder, bus: 'retail', clock: systemClock, log: testLog });
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.close();
    await transport.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('brings each tick once, with one id whatever router brings it', async () => {
    const scheduled = plan('once');
    await apply(scheduled);
    await startRouter(scheduled);
    const second = new Scheduler(partsOf());
    running.push(second);
    second.update(scheduled.schedules);
    await pass(30 * MINUTE);
    await ops.atLeast(3);
    await until('the copies', async () => {
      const { endpoints } = await transport.stats();
      return endpoints.find(({ name }) => name === 'route.run')?.outcomes['duplicate'] === 3;
    });
    expect(ticks()).to.deep.equal(['00:10', '00:20', '00:30']);
    expect(ops.deliveries[0]?.message.envelope).not.to.have.property('headers');
    expect(Buffer.from(ops.deliveries[0]?.message.body ?? []).toString()).to.equal(
      JSON.stringify({ at: new Date(START + 10 * MINUTE).toISOString() }),
    );
    const { ledger } = await transport.stats();
    expect(ledger).to.include({ made: 12, duplicate: 3, waiting: 3 });
  });

  for (const [missed, expected] of [
    ['once', ['00:10', '01:20']],
    ['all', ['00:10', '00:20', '00:30', '00:40', '00:50', '01:00', '01:10', '01:20']],
    ['skip', ['00:10']],
  ] as const) {
    it(`makes up for what no router saw: ${missed}`, async () => {
      const scheduled = plan(missed);
      await apply(scheduled);
      const router = await startRouter(scheduled);
      await pass(10 * MINUTE);
      await ops.atLeast(1);
      await router.close();
      clock.advance(75 * MINUTE);
      await startRouter(scheduled);
      await until('it began', () => clock.armed > 0);
      await settled();
      expect(ticks()).to.deep.equal(expected);
      await pass(5 * MINUTE);
      await ops.atLeast(expected.length + 1);
      expect(ticks()).to.deep.equal([...expected, '01:30']);
    });
  }

  it('brings what is less than a minute late, whatever is said of what was missed', async () => {
    const scheduled = plan('skip');
    await apply(scheduled);
    const router = await startRouter(scheduled);
    await router.close();
    clock.advance(10 * MINUTE + 59_000);
    await startRouter(scheduled);
    await ops.atLeast(1);
    expect(ticks()).to.deep.equal(['00:10']);
  });

  it('makes up for the ticks since it was applied, where none has come yet', async () => {
    const scheduled = plan('all');
    await apply(scheduled);
    clock.advance(25 * MINUTE);
    await startRouter(scheduled);
    await ops.atLeast(2);
    expect(ticks()).to.deep.equal(['00:10', '00:20']);
  });

  it('makes up for a thousand of them at most, the latest', async () => {
    const scheduled = plan('all', '*/10 * * * * *');
    await apply(scheduled);
    clock.advance(3 * HOUR);
    await startRouter(scheduled);
    await until('it to be done', async () => {
      const { endpoints } = await transport.stats();
      return endpoints.find(({ name }) => name === 'route.run')?.outcomes['done'] === 2_000;
    });
    await settled();
    const { ledger } = await transport.stats();
    expect(ledger).to.include({ made: 3_000, done: 2_000, waiting: 1_000 });
    expect(ticks()[0]).to.equal('00:13');
  });

  it('repeats and loses nothing when the clock is set back, or far ahead and back again', async () => {
    const scheduled = plan('once');
    await apply(scheduled);
    await startRouter(scheduled);
    await pass(20 * MINUTE);
    await ops.atLeast(2);
    clock.set(START + 5 * MINUTE);
    await pass(25 * MINUTE);
    await ops.atLeast(3);
    expect(ticks()).to.deep.equal(['00:10', '00:20', '00:30']);
    clock.set(START + 1_000 * DAY + 7 * MINUTE);
    await pass(10_000);
    await ops.atLeast(4);
    expect(ticks().at(-1)).to.equal('00:00');
    clock.set(START + 35 * MINUTE);
    await pass(15 * MINUTE);
    await ops.atLeast(6);
    expect(ticks().slice(4)).to.deep.equal(['00:40', '00:50']);
  });

  it('goes on with a schedule that was edited, and ends with its route', async () => {
    const scheduled = plan('once');
    await apply(scheduled);
    const router = await startRouter(scheduled);
    await pass(10 * MINUTE);
    const often = plan('once', '*/2 * * * *');
    await router.update(often);
    await pass(4 * MINUTE);
    await ops.atLeast(3);
    expect(ticks()).to.deep.equal(['00:10', '00:12', '00:14']);
    await router.update(planOf({}));
    await pass(10 * MINUTE);
    expect(ticks()).to.have.length(3);
  });

  it('keeps a tick whose message cannot be made, says why once, and brings it when it can be', async () => {
    let tables: Tables = new LiveTables({ settings: new Map(), clock, log });
    const scheduled = plan('all', '*/10 * * * *', "lookup('towns', 'u').id.orValue('nowhere')");
    await apply(scheduled);
    await startRouter(scheduled, { find: (table, key) => tables.find(table, key) });
    await pass(25 * MINUTE);
    expect(ticks()).to.deep.equal([]);
    expect(said).to.have.length(1);
    expect(said[0]).to.match(/^a tick cannot be made, and is tried again until it can .*"route":"run"/);
    tables = { find: () => ({ id: 'Ulm' }) };
    await pass(10_000);
    await ops.atLeast(2);
    expect(ticks()).to.deep.equal(['00:10', '00:20']);
  });

  it('has a tick come once, whatever becomes of its message', async () => {
    const failing = 'steps:\n  - set: { vars: { no: "1 / (size(data.at) - size(data.at))" } }\n';
    const scheduled = plan('all', '*/10 * * * *', 'meta.time', failing);
    await apply(scheduled);
    const router = await startRouter(scheduled);
    await pass(25 * MINUTE);
    await until('both to fail', async () => (await transport.dead.count()) === 2);
    await router.close();
    expect(await transport.dead.discard({}, { by: 'tests' })).to.equal(2);
    await startRouter(scheduled);
    await pass(5 * MINUTE);
    await until('the next tick', async () => (await transport.dead.count()) > 0);
    expect(await transport.dead.count(), 'none of those that were discarded').to.equal(1);
  });
});
