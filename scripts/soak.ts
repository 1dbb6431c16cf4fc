/**
 * `npm run soak -- --messages 1000000 --kill-broker 10 --kill-router 20 --kill-consumer 20`: publishes under load while a
 * private broker and processes are killed, and proves from the journals of publishers and handlers, by id, that nothing was
 * lost, no key's order broken and no repeat renamed. Exits with 1 when one of these is not so, or when traffic needed longer
 * than 10 s to resume.
 */
import { parseArgs } from 'node:util';
import { type Recovery, soak, type Victim } from '../test/soak/soak.ts';
import { HOW_TO_GET_ONE, obtainBroker } from '../test/support/broker.ts';

/** Traffic resumes within this time of a fault's end. @unit milliseconds */
const RESUMES = 10_000;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    'kill-broker': { type: 'string', default: '0' },
    'kill-router': { type: 'string', default: '0' },
    'kill-consumer': { type: 'string', default: '0' },
    'kill-publisher': { type: 'string', default: '0' },
    keys: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    /** Of a broker of your own, which is not killed. */
    url: { type: 'string' },
  },
});

function whole(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number`);
  return value;
}

/** @unit milliseconds */
function quantile(recoveries: readonly Recovery[], share: number): number {
  const sorted = recoveries.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(): Promise<boolean> {
  const kills: Record<Victim, number> = {
    broker: whole('kill-broker'),
    router: whole('kill-router'),
    consumer: whole('kill-consumer'),
    publisher: whole('kill-publisher'),
  };
  if (values.url !== undefined) process.env['WAYBILL_TEST_URL'] = values.url;
  const broker = await obtainBroker();
  if (broker === undefined) throw new Error(`no RabbitMQ: ${HOW_TO_GET_ONE}`);
  const { node } = broker;
  try {
    if (node === undefined && kills.broker > 0)
      throw new Error('--kill-broker and --url (WAYBILL_TEST_URL) exclude each other');
    const seed = whole('seed');
    const messages = whole('messages');
    say(`${String(messages)} messages on ${broker.from}; seed ${String(seed)}; kills ${JSON.stringify(kills)}`);
    const { verdict, recoveries, seconds } = await soak({
      messages,
      kills,
      keys: Math.max(1, whole('keys')),
      seed,
      url: broker.url,
      ...(node === undefined ? {} : { node }),
      say,
      // RabbitMQ 3.10 brings what waited for a delay three minutes late after a kill.
      patienceMs: 240_000,
    });
    for (const victim of ['broker', 'router', 'consumer', 'publisher'] as const) {
      const those = recoveries.filter((each) => each.victim === victim);
      if (those.length === 0) continue;
      say(
        `${victim} killed ${String(those.length)} times: traffic resumed after ${quantile(those, 0.5).toFixed(0)} ms (median), ${quantile(those, 1).toFixed(0)} ms (longest)`,
      );
    }
    const { lost, disordered, renamed, acknowledged, handled, repeats, dead } = verdict;
    const deliveries = Object.values(handled).reduce((sum, count) => sum + count, 0);
    say(`${String(acknowledged)} acknowledged, ${String(deliveries)} handled ${JSON.stringify(handled)}`);
    say(`${String(repeats)} repeats, ${String(dead)} dead letters, in ${seconds.toFixed(0)} s:`);
    say(
      `  ${(acknowledged / seconds).toFixed(0)} published/s, ${(deliveries / seconds).toFixed(0)} handled/s, kills included`,
    );
    for (const [what, list] of Object.entries({ lost, 'out of order': disordered, renamed }))
      say(`${what}: ${String(list.length)}${list.length === 0 ? '' : ` (${list.slice(0, 10).join(', ')} ...)`}`);
    const late = recoveries.filter(({ tookMs }) => tookMs > RESUMES).length;
    say(`resumed later than ${String(RESUMES)} ms: ${String(late)}`);
    return lost.length + disordered.length + renamed.length + late === 0;
  } finally {
    await broker.dispose();
  }
}

const kept = await main();
say(kept ? 'verdict: kept' : 'verdict: BROKEN');
process.exitCode = kept ? 0 : 1;
