import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/adapters/embedded/embedded-store.ts';
import { openPostgres } from '../../src/adapters/postgres/store.ts';
import { encodeJson, parseJson } from '../../src/json.ts';
import type { EncodedMessage } from '../../src/message.ts';
import type { Plan, Program, ProgramWork } from '../../src/plan/plan.ts';
import { pause, systemClock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Store } from '../../src/ports/store.ts';
import { ProcessResources } from '../../src/runtime/resources.ts';
import { NoStates, StoredStates } from '../../src/runtime/states.ts';
import { keyRing } from '../../test/support/key-ring.ts';
import { type Order, orders } from '../corpus.ts';
import { type Machine, scratch } from '../machine.ts';
import { median } from '../statistics.ts';
import { planOf, ROUTES, writeRoutes } from './routes.ts';

export interface MediatorBench {
  readonly rounds: number;
  /** Messages of a run of a step that remembers nothing. */
  readonly count: number;
  /** Undefined leaves PostgreSQL out. */
  readonly postgres: string | undefined;
  readonly json: boolean;
}

/** As many as the router has in hand at a time. */
const CONCURRENCY = 64;
/** Messages of a run with a store. */
const STORED = { lmdb: 20_000, postgres: 5_000 } as const;
const GOALS: Readonly<Record<string, number>> = { lmdb: 30_000, postgres: 5_000 };
const STATEFUL = ['dedupe', 'aggregate'] as const;
const NAMES = Object.keys(ROUTES);

const complain = (fields: object, text: string): void => {
  process.stderr.write(`${text} ${JSON.stringify(fields)}\n`);
};
const log: Log = { debug: () => undefined, info: () => undefined, warn: complain, error: complain };

type Figures = Map<string, number[]>;

/** What each mediator costs alone, five of them in a row beside the same by hand, and those that remember on each store. */
export async function benchMediators(bench: MediatorBench, machine: Machine): Promise<void> {
  const folder = scratch();
  const figures: Figures = new Map();
  try {
    await writeRoutes(folder, NAMES, 'embedded:.waybill');
    const plan = await planOf(folder);
    for (let round = 0; round < bench.rounds; round++) {
      process.stderr.write(`\rround ${String(round + 1)}/${String(bench.rounds)}`.padEnd(40));
      await measureRound(plan, figures, bench.count);
    }
    await measureStores(plan, figures, bench, folder);
  } finally {
    process.stderr.write('\r'.padEnd(42));
    process.stderr.write('\r');
    rmSync(folder, { recursive: true, force: true });
  }
  if (bench.json)
    process.stdout.write(`${JSON.stringify({ machine, figures: Object.fromEntries(figures) }, undefined, 2)}\n`);
  else process.stdout.write(report(machine, figures));
}

async function measureRound(plan: Plan, figures: Figures, count: number): Promise<void> {
  const names = NAMES.filter((name) => !STATEFUL.some((stateful) => stateful === name));
  for (const name of names) {
    const pool = messages(name);
    const program = programOf(plan, name);
    const work = workOf(new NoStates().begin());
    note(figures, name, await time(count, (n) => run(program, pool[n % pool.length], work)));
  }
  const pool = messages('five steps');
  note(
    figures,
    'five steps by hand',
    await time(count, (n) => {
      byHand(pool[n % pool.length]);
    }),
  );
}

/** What an expert would write in one function, checks of the result included. */
function byHand(message: EncodedMessage | undefined): undefined {
  if (message === undefined) return undefined;
  const data = parseJson(message.body) as Order;
  if (!(data.total > 0 && data.shipTo.country !== 'FR')) return undefined;
  const gross = data.total * 1.19;
  if (!(data.total >= 0)) throw new Error('a total below zero');
  let pieces = 0;
  for (const { quantity } of data.lines) pieces += quantity;
  if (pieces < 0) throw new Error('no pieces');
  encodeJson({ orderId: data.id, customer: data.customerId, total: Math.round(gross * 100) / 100 });
  return undefined;
}

async function measureStores(
  plan: Plan,
  figures: Figures,
  { rounds, postgres }: MediatorBench,
  folder: string,
): Promise<void> {
  const lmdb = await openEmbeddedStore({ folder: join(folder, 'store'), clock: systemClock, log });
  try {
    for (let round = 0; round < rounds; round++) await measureStore(plan, figures, 'lmdb', lmdb, round);
  } finally {
    await lmdb.close();
  }
  if (postgres === undefined) return;
  const store = await openPostgres({ url: postgres, clock: systemClock, log });
  try {
    for (let round = 0; round < rounds; round++) await measureStore(plan, figures, 'postgres', store, round);
  } finally {
    await store.close();
  }
}

async function measureStore(
  plan: Plan,
  figures: Figures,
  kind: 'lmdb' | 'postgres',
  store: Store,
  round: number,
): Promise<void> {
  for (const name of STATEFUL) {
    const program = programOf(plan, name);
    const states = new StoredStates(store);
    const pool = messages(name);
    const count = STORED[kind];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let n = next++; n < count; n = next++) {
        const message = pool[n % pool.length];
        if (message === undefined) return;
        const id = `${String(round)}-${String(n)}`;
        await remember(name, program, states, { ...message, envelope: { ...message.envelope, id } });
      }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: CONCURRENCY }, lane));
    note(figures, `${name} on ${kind}`, ((performance.now() - began) * 1_000) / count);
  }
}

/** As the router does it: what somebody else was quicker to remember is computed again. */
async function remember(name: string, program: Program, states: StoredStates, message: EncodedMessage): Promise<void> {
  for (;;) {
    const attempt = states.begin({ scope: `bench.${name}`, id: message.envelope.id });
    try {
      const result = await program.perform(message, workOf(attempt));
      if (result.deaths.length > 0) throw new Error(result.deaths[0]?.error);
      const end = await attempt.end(result.sends);
      if (end.outcome === 'moved') continue;
      end.settled?.();
      return;
    } finally {
      attempt.close();
    }
  }
}

function run(program: Program, message: EncodedMessage | undefined, work: ProgramWork): Promise<void> | undefined {
  if (message === undefined) return undefined;
  if (program.pure) {
    check(program.run(message).deaths);
    return undefined;
  }
  return program.perform(message, work).then(({ deaths }) => {
    check(deaths);
  });
}

function check(deaths: readonly { readonly error: string }[]): void {
  if (deaths.length > 0) throw new Error(deaths[0]?.error);
}

const RESOURCES = new ProcessResources({ keyRings: new Map([['bench', keyRing('a')]]) });

function workOf(states: ProgramWork['states']): ProgramWork {
  const { signal } = new AbortController();
  return {
    signal,
    attempt: 1,
    resources: RESOURCES,
    states,
    graceMs: 0,
    now: () => systemClock.now(),
    pause: (ms) => pause(systemClock, ms),
  };
}

/** Microseconds for each. */
async function time(count: number, one: (n: number) => Promise<void> | undefined): Promise<number> {
  for (let n = 0; n < 2_000; n++) await one(n);
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const waits = one(n);
    if (waits !== undefined) await waits;
  }
  return ((performance.now() - began) * 1_000) / count;
}

function programOf(plan: Plan, name: string): Program {
  const at = NAMES.indexOf(name);
  const route = plan.routes.find((each) => each.name === `r${String(at)}`);
  const endpoint = route?.road === 'isolated' ? `route.${route.name}` : 'router';
  const program = plan.program(endpoint);
  if (program === undefined) throw new Error(`${name} has no program at ${endpoint}`);
  return program;
}

function messages(name: string): readonly EncodedMessage[] {
  const type = `bench.order.placed-${String(NAMES.indexOf(name))}`;
  return orders(2_000).map((data) => ({
    envelope: {
      id: data.id,
      source: '/shop',
      type,
      version: 1,
      time: '2026-01-01T00:00:00.000Z',
      key: data.customerId,
    },
    body: encodeJson(data),
  }));
}

function note(figures: Figures, name: string, value: number): void {
  figures.set(name, [...(figures.get(name) ?? []), value]);
}

function report({ cpu, cores, node }: Machine, figures: Figures): string {
  const us = (name: string): number => median(figures.get(name) ?? []);
  const none = us('none');
  const lines = [...figures.keys()].map((name) => {
    const own = us(name);
    const head = `  ${name.padEnd(22)} ${Math.round(1e6 / own)
      .toLocaleString('en')
      .padStart(9)} messages/s ${own.toFixed(2).padStart(8)} us`;
    const store = /on (\w+)$/.exec(name)?.[1];
    const goal = store === undefined ? undefined : GOALS[store];
    if (goal !== undefined)
      return `${head}, goal ${goal.toLocaleString('en')}/s: ${1e6 / own >= goal ? 'reached' : 'NOT reached'}`;
    return store === undefined && name !== 'none'
      ? `${head}, ${(own - none).toFixed(2)} us over a route without steps`
      : head;
  });
  // The last of the five is the map of the route that has nothing else.
  const step = (us('five steps') - us('map')) / 4;
  return [
    `${cpu}, ${String(cores)} cores, Node ${node}; 400 bytes of data, medians; parsing and checks of results included`,
    ...lines,
    `  one more stateless step, its expression included: ${step.toFixed(2)} us, goal under 1: ${step < 1 ? 'reached' : 'NOT reached'}`,
    '',
  ].join('\n');
}
