import type { Host, TransportStats } from '../src/index.ts';
import type { Totals } from './expect.ts';
import type { Tally } from './tally.ts';

/** The tables at the end of the demo. */
export function report(host: Host, stats: TransportStats, tally: Tally): string {
  return [servicesTable(host, tally), routesTable(host, stats, tally), ledgerLine(stats)].join('\n\n');
}

function servicesTable(host: Host, tally: Tally): string {
  const columns = ['published', 'refused', 'handled', 'repeats', 'retried', 'dead-lettered'] as const;
  const rows = host.plan.definition.services.map(({ name }) => [
    name,
    ...columns.map((column) =>
      column === 'dead-lettered' ? tally.get(`${name} dead`) : tally.get(`${name} ${column}`),
    ),
  ]);
  return table(['service', ...columns], rows);
}

function routesTable(host: Host, stats: TransportStats, tally: Tally): string {
  const rows = host.plan.routes.map(({ name, road, to }) => {
    const count = (what: string): number => stats.tallies[`route.${name}.${what}`] ?? 0;
    // The transport carries a direct route by itself: what its receivers saw is what it delivered.
    const carried = to.map((target) => ('service' in target ? tally.get(`${target.service} by ${name}`) : 0));
    return road === 'direct'
      ? [name, road, Math.max(...carried), carried.reduce((sum, n) => sum + n, 0), 0, 0]
      : [name, road, count('in'), count('out'), count('filtered'), count('faulted')];
  });
  return table(['route', 'road', 'in', 'out', 'filtered', 'dead-lettered'], rows);
}

function ledgerLine({ ledger, exact }: TransportStats): string {
  const { made, ...ends } = ledger;
  const parts = Object.entries(ends).map(([name, amount]) => `${format(amount)} ${name}`);
  const note = exact ? '' : ' (as this process counted)';
  return `ledger${note}: ${format(made)} deliveries made = ${parts.join(' + ')}`;
}

/** What differs between what was worked out from the file and what happened, a line each; empty when all is well. */
export function differences(expected: Totals, actual: Totals): string[] {
  return [...expected]
    .filter(([name, amount]) => (actual.get(name) ?? 0) !== amount)
    .map(([name, amount]) => {
      const found = actual.get(name) ?? 0;
      return `${name}: expected ${format(amount)}, got ${format(found)} (${found > amount ? '+' : ''}${format(found - amount)})`;
    });
}

/** All that was counted, by the names that `expect.ts` uses. */
export function actualTotals(stats: TransportStats, tally: Tally): Totals {
  const totals = new Map(tally.totals);
  for (const [counter, amount] of Object.entries(stats.tallies)) {
    const [, kind, name, what] = /^(route|service)\.(.+)\.([a-z]+)$/.exec(counter) ?? [];
    if (kind !== undefined && name !== undefined && what !== undefined) totals.set(`${kind} ${name} ${what}`, amount);
  }
  totals.set('dead', stats.dead);
  totals.set('parked', stats.parked);
  totals.set('ledger made', stats.ledger.made);
  totals.set('ledger filtered', stats.ledger.filtered);
  return totals;
}

/** Why the ledger does not balance; undefined when it does. */
export function imbalance({ ledger }: TransportStats): string | undefined {
  const { made, ...ends } = ledger;
  const ended = Object.values(ends).reduce((sum, amount) => sum + amount, 0);
  if (ended !== made) return `the ledger does not balance: ${format(made)} made, ${format(ended)} accounted for`;
  return ledger.waiting === 0 ? undefined : `${format(ledger.waiting)} deliveries are still waiting`;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? format(cell) : cell)));
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) =>
        /^[a-z]/.test(cell) && i < 2 && head[i] !== 'published'
          ? cell.padEnd(widths[i] ?? 0)
          : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(line)].join('\n');
}

export function format(amount: number): string {
  return amount.toLocaleString('en-US');
}
