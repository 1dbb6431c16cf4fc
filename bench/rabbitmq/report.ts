import type { Machine } from '../machine.ts';
import { median, quantile } from '../statistics.ts';
import {
  BATCHED,
  COLUMNS,
  type Column,
  RAW_BATCH,
  RAW_EVENTS,
  RAW_SINGLE,
  RAW_TOPICS,
  UNBATCHED,
  VALIDATED,
} from './columns.ts';

/** One run of one column. */
export interface Run {
  readonly column: string;
  readonly round: number;
  /** From the first publish to the last arrival. @unit messages a second */
  readonly rate: number;
  /** From publish to confirm. @unit milliseconds */
  readonly confirmP99: number;
  /** From publish to handler. @unit milliseconds */
  readonly arrivedP99: number;
  /** Messages in an AMQP message, on average. */
  readonly batch: number;
  /** By process. @unit microseconds a message */
  readonly cpu: Readonly<Record<string, number>>;
  /** RssAnon by process. @unit MiB */
  readonly memory: Readonly<Record<string, number>>;
}

export interface Level {
  readonly name: string;
  readonly runs: readonly Run[];
}

interface Pair {
  readonly of: Column;
  readonly to: Column;
  readonly figure: 'rate' | 'confirmP99' | 'arrivedP99';
  /** At least, for rates; at most, for latencies. */
  readonly goal?: number;
}

const RATES: readonly Pair[] = [
  { of: UNBATCHED, to: RAW_SINGLE, figure: 'rate', goal: 0.9 },
  { of: UNBATCHED, to: RAW_TOPICS, figure: 'rate' },
  { of: RAW_TOPICS, to: RAW_SINGLE, figure: 'rate' },
  { of: BATCHED, to: RAW_BATCH, figure: 'rate', goal: 0.8 },
  { of: BATCHED, to: RAW_EVENTS, figure: 'rate' },
  { of: RAW_EVENTS, to: RAW_BATCH, figure: 'rate' },
  { of: BATCHED, to: RAW_SINGLE, figure: 'rate', goal: 5 },
  { of: VALIDATED, to: RAW_SINGLE, figure: 'rate' },
];

const LATENCIES: readonly Pair[] = [
  { of: BATCHED, to: RAW_SINGLE, figure: 'confirmP99', goal: 1.2 },
  { of: BATCHED, to: RAW_SINGLE, figure: 'arrivedP99', goal: 1.2 },
  { of: BATCHED, to: RAW_TOPICS, figure: 'arrivedP99' },
];

const FIGURES = { rate: 'messages/s', confirmP99: 'p99 until confirmed', arrivedP99: 'p99 until handled' } as const;
/** 200 MB. @unit MiB */
const MOST_MEMORY = 190.7;

/** For people: medians, and ratios of runs of the same round with their spread. */
export function report(machine: Machine, levels: readonly Level[]): string {
  const lines = [
    `${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}, fsync ${machine.fsyncMs.toFixed(2)} ms`,
    '10 types, 10,000 keys, 350 bytes of data, ordering: key, 4 partitions, 1,000 in flight; medians',
  ];
  for (const level of levels) lines.push('', ...levelLines(level));
  return `${lines.join('\n')}\n`;
}

function levelLines({ name, runs }: Level): string[] {
  const present = COLUMNS.filter(({ id }) => runs.some(({ column }) => column === id));
  const lone = name.endsWith('second');
  const lines = [
    name,
    `  ${'column'.padEnd(32)}${'messages/s'.padStart(11)}${'confirm p99'.padStart(13)}${'handled p99'.padStart(13)}${'batch'.padStart(7)}  CPU us/message; RssAnon MiB`,
  ];
  for (const column of present) {
    const mine = runs.filter((run) => run.column === column.id);
    const of = (figure: (run: Run) => number): number => median(mine.map(figure));
    const roles = Object.keys(mine[0]?.cpu ?? {});
    const cpu = roles.map((role) => `${role} ${of((run) => run.cpu[role] ?? 0).toFixed(1)}`).join(', ');
    const most = Object.keys(mine[0]?.memory ?? {}).map((role) => ({
      role,
      mib: Math.max(...mine.map((run) => run.memory[role] ?? 0)),
    }));
    const memory = most.map(({ role, mib }) => `${role} ${mib.toFixed(0)}`).join(', ');
    const tooMuch =
      most.some(({ mib }) => mib > MOST_MEMORY) && column.kind === 'waybill' ? ' (goal 190: NOT reached)' : '';
    lines.push(
      `  ${column.name.padEnd(32)}${Math.round(of(({ rate }) => rate))
        .toLocaleString('en')
        .padStart(11)}` +
        `${of(({ confirmP99 }) => confirmP99).toFixed(1)} ms`.padStart(13) +
        `${of(({ arrivedP99 }) => arrivedP99).toFixed(1)} ms`.padStart(13) +
        `${of(({ batch }) => batch)
          .toFixed(1)
          .padStart(7)}  ${cpu}; ${memory}${tooMuch}`,
    );
  }
  for (const pair of lone ? LATENCIES : RATES) {
    const ratios = ratiosOf(runs, pair);
    if (ratios.length > 0) lines.push(`  ${pairLine(pair, ratios)}`);
  }
  return lines;
}

/** Of runs of the same round, which ran within seconds of each other. */
function ratiosOf(runs: readonly Run[], { of, to, figure }: Pair): number[] {
  return runs.flatMap((run) => {
    const other = runs.find(({ column, round }) => column === to.id && round === run.round);
    return run.column === of.id && other !== undefined ? [run[figure] / other[figure]] : [];
  });
}

function pairLine({ of, to, figure, goal }: Pair, ratios: readonly number[]): string {
  const middle = median(ratios);
  const spread = `${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}`;
  const reached = goal === undefined ? undefined : figure === 'rate' ? middle >= goal : middle <= goal;
  const verdict =
    goal === undefined || reached === undefined
      ? ''
      : `, goal ${figure === 'rate' ? 'at least' : 'at most'} ${String(goal)}: ${reached ? 'reached' : 'NOT reached'}`;
  return `${of.name} / ${to.name}, ${FIGURES[figure]}: ${middle.toFixed(2)} (half of ${String(ratios.length)} pairs ${spread})${verdict}`;
}
