/**
 * `npm run bench embedded [-- options]`: what the bus carries on this machine, beside what the machine itself can do.
 * Scenarios take turns over several rounds, and medians are shown, so that a busy moment does not favour one of them.
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { HOW_TO_GET_ONE, obtainBroker } from '../test/support/broker.ts';
import type { BrokerNode } from '../test/support/broker-node.ts';
import { obtainPostgres } from '../test/support/postgres.ts';
import { transpile } from '../test/support/transpiled.ts';
import type { Machine } from './machine.ts';
import { benchRabbit } from './rabbitmq/main.ts';
import { type Row, report } from './report.ts';
import type { Result } from './result.ts';
import type { ScenarioAnswer, ScenarioRequest } from './scenario.ts';
import { benchTelemetry } from './telemetry.ts';

const USAGE = `npm run bench <embedded | rabbitmq | mediators | telemetry | amqp://...> [-- options]

  rabbitmq starts a broker of its own; amqp://... takes one that is there, on which it leaves queues named bench*

  --rounds <n>     how often each scenario runs; medians are shown (default 3; 10 with a broker)
  --profile <dir>  writes a CPU profile of each process there
  --json           machine-readable

  of embedded:
  --count <n>      messages of a run of throughput (default 200000)
  --memory <n>     messages of the memory run, 0 to leave it out (default 2000000)
  --only <name>    one scenario: "one hop", "inline route", "lone publish", "memory"

  of mediators: what a step costs alone, a chain of five beside one function, and steps that remember on both stores
  --count <n>      messages of a run (default 20000)

  of telemetry, which compares with none, on both transports, and takes about 10 minutes:
  --count <n>      messages of a run (default 60000)
  --rounds <n>     pairs (default 10)
  --only <name>    embedded or rabbitmq

  of rabbitmq, which compares with amqplib by hand and takes about 8 minutes:
  --quick          3 rounds of one hop with uniform keys: half a minute
  --ms <n>         how long each run publishes (default 800)
  --hops <n>       1 or 2 (default both)
  --only <ids>     columns: raw-single, raw-topics, raw-batch, raw-events, unbatched, batched, validated
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    ms: { type: 'string', default: '800' },
    hops: { type: 'string' },
    count: { type: 'string' },
    memory: { type: 'string', default: '2000000' },
    only: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** As it runs in production: without the loader, whose traces cost some percent. */
const program = await transpile(['src', 'bench', 'test/support']);

async function main(): Promise<void> {
  const [wanted] = positionals;
  if (values.help || wanted === undefined || !/^(embedded|rabbitmq|mediators|telemetry|amqps?:.*)$/.test(wanted)) {
    process.stderr.write(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (wanted === 'embedded') {
    await measure();
    return;
  }
  if (wanted === 'mediators') {
    await measureMediators();
    return;
  }
  if (wanted === 'telemetry') {
    await measureTelemetry();
    return;
  }
  const broker = wanted === 'rabbitmq' ? await obtainBroker() : undefined;
  if (wanted === 'rabbitmq' && broker === undefined) throw new Error(`no RabbitMQ: ${HOW_TO_GET_ONE}`);
  try {
    await measureRabbit(broker?.url ?? wanted, broker?.node);
  } finally {
    await broker?.dispose();
  }
}

async function measureMediators(): Promise<void> {
  const { benchMediators } = await import('./mediators/main.ts');
  const postgres = await obtainPostgres();
  try {
    const facts = await ask({ name: 'machine', count: 0, transport: 'embedded' });
    if (!('machine' in facts)) throw new Error('the machine did not answer');
    const { rounds = '5', count = '20000', json } = values;
    const bench = { rounds: Number(rounds), count: Number(count), postgres: postgres?.url, json };
    await benchMediators(bench, facts.machine);
  } finally {
    await postgres?.dispose();
  }
}

async function measureTelemetry(): Promise<void> {
  const { only, json } = values;
  const broker = only === 'embedded' ? undefined : await obtainBroker();
  if (only === 'rabbitmq' && broker === undefined) throw new Error(`no RabbitMQ: ${HOW_TO_GET_ONE}`);
  try {
    const facts = await ask({ name: 'machine', count: 0, transport: 'embedded' });
    if (!('machine' in facts)) throw new Error('the machine did not answer');
    await benchTelemetry(
      {
        rounds: Number(values.rounds ?? 10),
        count: Number(values.count ?? 60_000),
        transports: [
          ...(only === 'rabbitmq' ? [] : [{ name: 'embedded', url: 'embedded' }]),
          ...(broker === undefined ? [] : [{ name: 'rabbitmq', url: broker.url }]),
        ],
        ask,
        sink: program.file('bench/telemetry-sink.ts'),
        json,
      },
      facts.machine,
    );
  } finally {
    await broker?.dispose();
  }
}

async function measureRabbit(url: string, node: BrokerNode | undefined): Promise<void> {
  const { quick, only, profile, json } = values;
  const pid = node === undefined ? undefined : Number(/\d+/.exec(await node.ctl('eval', 'os:getpid().'))?.[0]);
  const hops = values.hops === undefined ? ([1, 2] as const) : [values.hops === '2' ? (2 as const) : (1 as const)];
  await benchRabbit({
    url,
    brokerPid: pid,
    rounds: Number(values.rounds ?? (quick ? 3 : 10)),
    ms: Number(values.ms),
    spreads: quick ? ['uniform'] : ['uniform', 'zipf'],
    hops: quick && values.hops === undefined ? [1] : hops,
    only: only?.split(',') ?? [],
    profile,
    json,
    worker: program.file('bench/rabbitmq/worker.ts'),
  });
}

async function measure(): Promise<void> {
  const transport = 'embedded';
  const count = Number(values.count ?? 200_000);
  const plan: ScenarioRequest[] = [];
  for (let round = 0; round < Number(values.rounds ?? 3); round++) {
    plan.push({ name: 'bare', count, transport }, { name: 'bare batches', count, transport });
    plan.push({ name: 'one hop', count, transport }, { name: 'inline route', count, transport });
    plan.push({ name: 'lone publish', count: 1_000, transport });
  }
  if (Number(values.memory) > 0) plan.push({ name: 'memory', count: Number(values.memory), transport });
  const chosen = plan.filter(
    ({ name }) => values.only === undefined || name === values.only || name.startsWith('bare'),
  );

  const facts = await ask({ name: 'machine', count: 0, transport });
  if (!('machine' in facts)) throw new Error('the machine did not answer');
  const rows = new Map<string, Result[]>();
  for (const [at, request] of chosen.entries()) {
    if (!values.json) process.stderr.write(`\r${String(at + 1)}/${String(chosen.length)} ${request.name.padEnd(16)}`);
    const answer = await ask(request);
    if (!('result' in answer)) throw new Error('error' in answer ? answer.error : 'no result');
    rows.set(request.name, [...(rows.get(request.name) ?? []), answer.result]);
  }
  if (!values.json) process.stderr.write('\r\n');
  show(
    facts.machine,
    [...rows].map(([name, results]) => ({ name, results })),
  );
}

function show(machine: Machine, rows: readonly Row[]): void {
  process.stdout.write(values.json ? `${JSON.stringify({ machine, rows }, undefined, 2)}\n` : report(machine, rows));
}

/** Runs a scenario in a process of its own. */
function ask(request: ScenarioRequest, env: Readonly<Record<string, string>> = {}): Promise<ScenarioAnswer> {
  return new Promise((resolve, reject) => {
    const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
    const child = fork(program.file('bench/scenario.ts'), {
      execArgv: profile,
      env: { ...process.env, WAYBILL_LOG: process.env['WAYBILL_LOG'] ?? 'error', ...env },
    });
    child.once('message', (answer: ScenarioAnswer) => {
      resolve(answer);
    });
    child.once('exit', (code) => {
      reject(new Error(`the scenario ${request.name} ended with ${String(code)}`));
    });
    child.send(request);
  });
}

try {
  await main();
} finally {
  program.dispose();
}
