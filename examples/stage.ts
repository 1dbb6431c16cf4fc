import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, type Host, type Log, openBus, type Service } from 'waybill';

/** How long an example may wait for something: long, since a loaded machine is no fault. @unit milliseconds */
const DEADLINE = 90_000;

/** The bus of an example in a temporary folder, with its services in this process. Closing it removes the folder. */
export interface Stage extends AsyncDisposable {
  readonly host: Host;
  /** Connects a service of the example; it is closed with the stage. */
  connect(service: string): Promise<Service>;
}

/**
 * Applies the configuration of an example and runs its router.
 * @param example `import.meta.url` of a file beside its waybill.yaml
 */
export async function openStage(example: string): Promise<Stage> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'waybill-example-'));
  const config = fileURLToPath(new URL('./', example));
  const url = `embedded:${path.join(folder, 'bus')}`;
  const services: Service[] = [];
  let host: Host | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.close()));
    await host?.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    host = await openBus({ config, url, log: LOG });
    await host.apply('example');
    await host.startRouter();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    host,
    async connect(name) {
      const service = await connect({ service: name, url, log: LOG });
      services.push(service);
      return service;
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Waits until something is true. @throws an error that names it, when it does not come true in time */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + DEADLINE;
  while (!(await holds())) {
    if (performance.now() > end)
      throw new Error(`gave up after ${String(DEADLINE / 1_000)} s: not yet true that ${what}`);
    await sleep(20);
  }
}

/** What was expected, beside what came. */
export type Figures = Readonly<Record<string, readonly [expected: unknown, found: unknown]>>;

/** Prints every figure, and fails the process when one is wrong. */
export function prove(figures: Figures): void {
  for (const [name, [expected, found]] of Object.entries(figures)) {
    const right = JSON.stringify(expected) === JSON.stringify(found);
    console.log(`${right ? 'right' : 'WRONG'}  ${name}: ${show(found)}${right ? '' : `, expected ${show(expected)}`}`);
    if (!right) process.exitCode = 1;
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const quiet = (): void => undefined;
const tell = (fields: object, message: string): void => {
  console.error(message, JSON.stringify(fields));
};
const LOG: Log = { debug: quiet, info: quiet, warn: tell, error: tell };
