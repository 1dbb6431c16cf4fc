import { type EndpointStats, type Host, type Manifest, systemClock, type TransportStats } from '../index.ts';
import { age } from './age.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, withBus } from './session.ts';
import { type Terminal, table } from './terminal.ts';

export type Paused = NonNullable<Manifest['paused']>;

/** What waits where, what became of all messages, and whether that is exact. */
export async function stats(terminal: Terminal, options: GlobalOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const found = await host.transport.stats();
    const { paused = {} } = (await host.transport.manifest()) ?? {};
    terminal.data({ bus: host.plan.definition.bus, transport: host.transport.kind, ...found, paused });
    terminal.print(text(terminal, host, found, paused));
    return 'ok';
  });
}

function text(terminal: Terminal, host: Host, found: TransportStats, paused: Paused): string {
  const { ledger, exact, endpoints } = found;
  const head = [
    'endpoint',
    'waiting',
    'in hand',
    'delayed',
    'oldest',
    'consumers',
    'held keys',
    'done',
    'retried',
    'dead',
    'state',
  ];
  const rows = endpoints.map((one) => [
    one.name,
    one.waiting,
    one.inHand,
    one.delayed,
    oldestOf(one),
    one.consumers,
    one.states.reduce((sum, { heldKeys }) => sum + heldKeys, 0),
    one.outcomes['done'] ?? 0,
    one.outcomes['retried'] ?? one.outcomes['retry'] ?? 0,
    one.outcomes['dead'] ?? 0,
    stateOf(one, paused),
  ]);
  const { made, waiting, ...ends } = ledger;
  const sum = Object.values(ends).reduce((total, amount) => total + amount, waiting);
  const balance =
    made === sum ? terminal.style('green', 'balanced') : terminal.style('red', `not balanced: ${String(sum)}`);
  const parts = Object.entries({ ...ends, waiting }).map(([name, amount]) => `${name} ${String(amount)}`);
  return [
    `bus ${host.plan.definition.bus} on ${host.transport.kind}`,
    '',
    table(head, rows),
    '',
    ...attendance(endpoints),
    ...tables(found.tallies),
    // What is counted by processes that come and go does not add up, and is not shown as if it did.
    ...(exact
      ? [`ledger: made ${String(made)} = ${parts.join(' + ')}  (exact, ${balance})`]
      : [
          `counters: made ${String(made)}; ${parts.join(', ')}`,
          'counted by the processes that live now: those of a process end with it',
        ]),
    `dead letters ${String(found.dead)}, parked ${String(found.parked)}`,
  ].join('\n');
}

/** What became of tables that were loaded again, where one was refused: the others need no words. */
function tables(tallies: TransportStats['tallies']): string[] {
  const refused = Object.entries(tallies).flatMap(([name, amount]) => {
    const table = /^source\.(.+)\.refused$/.exec(name)?.[1];
    return table === undefined ? [] : [[table, tallies[`source.${table}.loaded`] ?? 0, amount]];
  });
  return refused.length === 0 ? [] : [table(['table', 'loaded', 'refused'], refused), ''];
}

/** Who attends what, where that is not simply one process for all. */
function attendance(endpoints: readonly EndpointStats[]): string[] {
  const shared = endpoints.filter(
    ({ attended = [] }) => attended.length > 1 || attended.some(({ reattaching }) => reattaching !== undefined),
  );
  if (shared.length === 0) return [];
  const rows = shared.flatMap(({ name, attended = [] }) =>
    attended.map(({ by, partitions, reattaching }) => [
      name,
      by,
      partitions.length === 0 ? 'none' : partitions.join(' '),
      reattaching === undefined ? '' : `reattaching: ${reattaching}`,
    ]),
  );
  return [table(['endpoint', 'attended by', 'partitions', 'state'], rows), ''];
}

/** How old the oldest is; empty where nothing waits. */
function oldestOf({ oldest, waiting, inHand }: EndpointStats): string {
  if (oldest !== undefined) return age(systemClock.now() - Date.parse(oldest));
  return waiting + inHand === 0 ? '' : 'unknown';
}

/** Why nothing is taken from it; empty where it is. What people paused comes first: it holds with nobody there as well. */
export function stateOf({ name, states, consumers }: EndpointStats, byPeople: Paused): string {
  const pause = byPeople[name];
  if (pause !== undefined) {
    const { by, at, reason } = pause;
    return `paused by ${by}, ${at}${reason === undefined ? '' : `: ${reason}`}`;
  }
  const paused = states.flatMap((state) => state.paused ?? []);
  if (paused.length > 0) return `paused: ${[...new Set(paused)].join('; ')}`;
  return consumers === 0 ? 'nobody takes from it' : '';
}
