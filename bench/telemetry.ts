import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Machine } from './machine.ts';
import type { Result } from './result.ts';
import type { ScenarioAnswer, ScenarioRequest } from './scenario.ts';
import { interval95, median } from './statistics.ts';

export interface TelemetryBench {
  readonly rounds: number;
  readonly count: number;
  /** `embedded`, or a broker's url. */
  readonly transports: readonly { readonly name: string; readonly url: string }[];
  readonly ask: (request: ScenarioRequest, env: Readonly<Record<string, string>>) => Promise<ScenarioAnswer>;
  /** Where the collector is, as JavaScript. */
  readonly sink: string;
  readonly json: boolean;
}

interface Level {
  readonly name: string;
  /** Share of traces; undefined without telemetry. */
  readonly ratio: number | undefined;
  /** The least that may be left of the throughput without telemetry. */
  readonly goal: number;
}

const ABSENT: Level = { name: 'absent', ratio: undefined, goal: 1 };
const LEVELS: readonly Level[] = [
  ABSENT,
  { name: 'sampled 0 %', ratio: 0, goal: 0.95 },
  { name: 'sampled 1 %', ratio: 0.01, goal: 0.93 },
  { name: 'sampled 10 %', ratio: 0.1, goal: 0 },
  { name: 'sampled 100 %', ratio: 1, goal: 0.5 },
];

/** What telemetry costs: levels take turns, another first in each round, and each is compared with `absent` of the same round. */
export async function benchTelemetry(bench: TelemetryBench, machine: Machine): Promise<void> {
  const sink = fork(bench.sink);
  try {
    const [port] = (await once(sink, 'message')) as unknown[];
    const endpoint = `http://127.0.0.1:${String(port)}`;
    for (const transport of bench.transports) {
      const rates = await measure(bench, transport, endpoint);
      if (bench.json)
        process.stdout.write(`${JSON.stringify({ machine, transport: transport.name, rates: [...rates] })}\n`);
      else process.stdout.write(report(machine, transport.name, rates));
    }
  } finally {
    await end(sink);
  }
}

async function measure(
  { rounds, count, ask }: TelemetryBench,
  { name, url }: TelemetryBench['transports'][number],
  endpoint: string,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const rates = new Map<string, number[]>(LEVELS.map((level) => [level.name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % LEVELS.length;
    for (const level of [...LEVELS.slice(first), ...LEVELS.slice(0, first)]) {
      process.stderr.write(`\r${name}: round ${String(round + 1)}/${String(rounds)} ${level.name}`.padEnd(60));
      const answer = await ask({ name: 'one hop', count, transport: url }, environment(level, endpoint));
      if (!('result' in answer)) throw new Error('error' in answer ? answer.error : 'no result');
      rates.get(level.name)?.push(rateOf(answer.result));
    }
  }
  process.stderr.write('\r'.padEnd(62));
  process.stderr.write('\r');
  return rates;
}

function environment({ ratio }: Level, endpoint: string): Readonly<Record<string, string>> {
  if (ratio === undefined) return { OTEL_SDK_DISABLED: 'true' };
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(ratio),
  };
}

function report(machine: Machine, transport: string, rates: ReadonlyMap<string, readonly number[]>): string {
  const absent = rates.get(ABSENT.name) ?? [];
  const lines = LEVELS.map(({ name, goal }) => {
    const own = rates.get(name) ?? [];
    const rate = `  ${name.padEnd(14)} ${Math.round(median(own)).toLocaleString('en').padStart(8)} messages/s`;
    if (name === ABSENT.name) return rate;
    const [low, high] = interval95(own.map((value, round) => value / (absent[round] ?? Number.NaN)));
    const aim =
      goal === 0
        ? ''
        : `, goal ${goal.toFixed(2)}: ${low >= goal ? 'reached' : high >= goal ? 'not sure' : 'NOT reached'}`;
    return `${rate}, ${low.toFixed(3)} to ${high.toFixed(3)} of absent (95 %)${aim}`;
  });
  const head = `${machine.cpu}, ${String(machine.cores)} cores, Node ${machine.node}`;
  return `${[head, `one hop, ${transport}, ${String(absent.length)} rounds`, ...lines].join('\n')}\n`;
}

function rateOf(result: Result): number {
  return result['rate'] ?? Number.NaN;
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.disconnect();
  await exit;
}
