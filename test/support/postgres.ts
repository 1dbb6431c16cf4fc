import { randomUUID } from 'node:crypto';
import { dockerAnswers } from './broker-docker.ts';
import { installPackages, mayInstall } from './broker-install.ts';
import { startPostgresContainer } from './postgres-docker.ts';
import { findPostgres, type PostgresNode, type PostgresSettings, startPostgres } from './postgres-node.ts';

/** A PostgreSQL for tests or the bench, from wherever one can be had. */
export interface Postgres {
  readonly url: string;
  /** How it was had, for people. */
  readonly from: string;
  /** Set when this process started it; one named by `WAYBILL_TEST_POSTGRES` is not ours to stop. */
  readonly node?: PostgresNode;
  dispose(): Promise<void>;
}

const HOW_TO_GET_ONE =
  'install PostgreSQL (apt install postgresql, brew install postgresql), start Docker, or set WAYBILL_TEST_POSTGRES=postgres://user:password@host/database';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/**
 * `WAYBILL_TEST_POSTGRES`, else an installed server started privately, else Docker, else (root on Debian or Ubuntu without a
 * terminal) an installation. Undefined where none can be had.
 */
export async function obtainPostgres(settings?: PostgresSettings): Promise<Postgres | undefined> {
  const url = process.env['WAYBILL_TEST_POSTGRES'];
  if (url !== undefined && url !== '') return { url, from: 'WAYBILL_TEST_POSTGRES', dispose: () => Promise.resolve() };
  const bin = process.env['WAYBILL_TEST_DOCKER'] === 'required' ? undefined : findPostgres();
  if (bin !== undefined) return ours(await startPostgres(bin, settings));
  if (await dockerAnswers()) return ours(await startPostgresContainer());
  if (await mayInstall()) {
    await installPackages(['postgresql'], say);
    const installed = findPostgres();
    if (installed !== undefined) return ours(await startPostgres(installed, settings));
  }
  return undefined;
}

function ours(node: PostgresNode): Postgres {
  return { url: node.url, from: node.from, node, dispose: () => node.dispose() };
}

/** One for the whole test run, started by the first test that needs it. */
let shared: Promise<Postgres | undefined> | undefined;

/** The run's PostgreSQL. Skips the suite where none can be had, or fails it with `WAYBILL_TEST_BROKER=required`. */
export async function postgres(context: Mocha.Context): Promise<Postgres> {
  context.timeout(Math.max(context.timeout(), 300_000));
  shared ??= obtainPostgres();
  const found = await shared;
  if (found !== undefined) return found;
  if (process.env['WAYBILL_TEST_BROKER'] === 'required') {
    throw new Error(`no PostgreSQL for the tests, and WAYBILL_TEST_BROKER=required: ${HOW_TO_GET_ONE}`);
  }
  return context.skip();
}

/** The run's PostgreSQL as one that may be stopped; skips where it is somebody else's. */
export async function postgresNode(context: Mocha.Context): Promise<PostgresNode> {
  const { node } = await postgres(context);
  return node ?? context.skip();
}

/** `url` with a schema that no other test has. */
export function schemaUrl(url: string): string {
  const whole = new URL(url);
  whole.searchParams.set('schema', `t_${randomUUID().slice(0, 8)}`);
  return whole.href;
}

/** Ends what `postgres` started; called once, after the last test. */
export async function releasePostgres(): Promise<void> {
  if (shared === undefined) return;
  const held = shared;
  shared = undefined;
  const found = await held;
  if (found === undefined) say(`\npostgres tests NOT RUN: ${HOW_TO_GET_ONE}`);
  await found?.dispose();
}
