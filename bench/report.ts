import type { Machine } from './machine.ts';
import type { Result } from './result.ts';
import { median } from './statistics.ts';

export interface Row {
  readonly name: string;
  /** One of each round. */
  readonly results: readonly Result[];
}

interface Goal {
  readonly figure: string;
  readonly text: string;
  readonly reached: (value: number) => boolean;
}

const GOALS: Readonly<Record<string, readonly Goal[]>> = {
  'one hop': [{ figure: 'rate', text: 'goal 100,000/s', reached: (value) => value >= 100_000 }],
  'inline route': [{ figure: 'rate', text: 'goal 50,000/s', reached: (value) => value >= 50_000 }],
  'lone publish': [{ figure: 'p99', text: 'goal under 3 ms', reached: (value) => value < 3 }],
  memory: [{ figure: 'peakMiB', text: 'goal under 200 MB', reached: (value) => value < 190.7 }],
};

const UNITS: Readonly<Record<string, string>> = {
  rate: 'messages/s, all settled and synced',
  publishRate: 'messages/s published',
  p50: 'ms',
  p99: 'ms',
  peakMiB: 'MiB at most (RssAnon)',
  endMiB: 'MiB at the end',
  growthMiB: 'MiB more in the last quarter than in the one before',
};

/** For people: medians, what was aimed at, and each rate as a share of the bare loop's. */
export function report(machine: Machine, rows: readonly Row[]): string {
  const lines = [
    `${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}`,
    `fsync of 4 KiB: ${machine.fsyncMs.toFixed(2)} ms, p99 ${machine.fsyncP99Ms.toFixed(2)} ms`,
    '',
  ];
  const bareRate = Math.max(...rows.filter(({ name }) => name.startsWith('bare')).map((row) => middle(row, 'rate')));
  for (const row of rows) {
    lines.push(`${row.name} (${String(row.results.length)} ${row.results.length === 1 ? 'run' : 'runs'})`);
    for (const figure of Object.keys(row.results[0] ?? {})) {
      const value = middle(row, figure);
      const share = figure === 'rate' && !row.name.startsWith('bare') && Number.isFinite(bareRate);
      const goal = GOALS[row.name]?.find((each) => each.figure === figure);
      lines.push(
        [
          `  ${format(value).padStart(10)} ${UNITS[figure] ?? figure}`,
          ...(share ? [`${(value / bareRate).toFixed(2)} of the bare loop`] : []),
          ...(goal === undefined ? [] : [`${goal.text}: ${goal.reached(value) ? 'reached' : 'NOT reached'}`]),
        ].join(', '),
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

function middle(row: Row, figure: string): number {
  return median(row.results.map((result) => result[figure] ?? Number.NaN));
}

function format(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}
