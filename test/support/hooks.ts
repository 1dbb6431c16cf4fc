import { releaseBroker } from './broker.ts';
import { releasePostgres } from './postgres.ts';

/** Runs once, after the last test of the run. */
export async function mochaGlobalTeardown(): Promise<void> {
  await Promise.all([releaseBroker(), releasePostgres()]);
  // What a test left behind keeps the run from ending, as it should. When nothing is left, Node's own tidying up may wait for ever for a
  // write to a child that is gone (seen in Environment::CleanupHandles of Node 20), which `exit` leaves out.
  process.once('beforeExit', () => {
    process.exit();
  });
}
