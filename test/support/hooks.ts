import { releaseBroker } from './broker.ts';
import { releasePostgres } from './postgres.ts';

/** Runs once, after the last test of the run. */
export async function mochaGlobalTeardown(): Promise<void> {
  await Promise.all([releaseBroker(), releasePostgres()]);
}
