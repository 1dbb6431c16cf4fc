import { expect } from 'chai';
import type { Traffic } from '../support/traffic/traffic.ts';

/**
 * How long traffic may take to flow again after a fault's end. It is promised within 10 s, which `npm run soak` asks for; here
 * the machine may be busy with other tests. @unit milliseconds
 */
const RESUMES = 120_000;
/** How long a loaded machine may take to let traffic flow that nothing disturbs. @unit milliseconds */
const FLOWS = 180_000;

/**
 * Makes a fault while messages flow. Then: traffic resumes with nobody's help; every acknowledged message is handled or a
 * dead letter; each key's first handlings are in order; repeats have the same id.
 */
export async function survives(traffic: Traffic, fault: () => Promise<void> | void): Promise<void> {
  await traffic.flows(traffic.standing(), FLOWS);
  const before = traffic.standing().acknowledged;
  await fault();
  const tookMs = await traffic.flows(traffic.standing(), RESUMES);
  const { lost, disordered, renamed, acknowledged, repeats, dead } = await traffic.settle();
  process.stderr.write(
    `      resumed after ${tookMs.toFixed(0)} ms; ${String(acknowledged - before)} more, ${String(repeats)} repeats, ${String(dead)} dead letters\n`,
  );
  expect(lost, 'lost').to.deep.equal([]);
  expect(disordered, 'out of order').to.deep.equal([]);
  expect(renamed, 'repeats under another id').to.deep.equal([]);
  expect(acknowledged).to.be.greaterThan(before);
}
