/** One run of one scenario in a process of its own, so that none warms up or fills the memory of another. */

import { startTelemetry, telemetryAsked } from '../src/telemetry.ts';
import { bare } from './bare.ts';
import { hop, lone, memory } from './hop.ts';
import { type Machine, machine } from './machine.ts';
import type { Result } from './result.ts';

export interface ScenarioRequest {
  readonly name: 'bare' | 'bare batches' | 'one hop' | 'inline route' | 'lone publish' | 'memory' | 'machine';
  readonly count: number;
  readonly transport: string;
}

export type ScenarioAnswer = { readonly result: Result } | { readonly machine: Machine } | { readonly error: string };

async function run(request: ScenarioRequest): Promise<ScenarioAnswer> {
  // Flushing is not measured: the rate ends with the last settlement.
  const telemetry = telemetryAsked() ? await startTelemetry({ service: 'bench' }) : undefined;
  try {
    return await runScenario(request);
  } finally {
    await telemetry?.shutdown();
  }
}

async function runScenario({ name, count, transport }: ScenarioRequest): Promise<ScenarioAnswer> {
  switch (name) {
    case 'machine':
      return { machine: machine() };
    case 'bare':
      return { result: await bare(count, 1) };
    case 'bare batches':
      return { result: await bare(count, 64) };
    case 'one hop':
      return { result: await hop({ road: 'direct', count, transport }) };
    case 'inline route':
      return { result: await hop({ road: 'inline', count, transport }) };
    case 'lone publish':
      return { result: await lone(count, transport) };
    case 'memory':
      return { result: await memory(count, transport) };
  }
}

process.on('message', (request: ScenarioRequest) => {
  run(request)
    .catch(
      (error: unknown): ScenarioAnswer => ({
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    )
    .then((answer) => {
      process.send?.(answer);
      process.disconnect();
    })
    .catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
    });
});
