import type { BrokerNode } from '../support/broker-node.ts';
import { randomFrom } from '../support/traffic/random.ts';
import { Traffic } from '../support/traffic/traffic.ts';
import type { Verdict } from '../support/traffic/verdict.ts';

/** What may be killed, again and again. */
export type Victim = 'broker' | 'router' | 'consumer' | 'publisher';

export interface SoakOptions {
  /** Published, over all keys. A soak publishes as many as make the same number for each key, so a few more. */
  readonly messages: number;
  /** How often each is killed. @default never */
  readonly kills: Readonly<Partial<Record<Victim, number>>>;
  readonly keys: number;
  /** The same seed gives the same plan of kills; the system's scheduling differs still. */
  readonly seed: number;
  readonly url: string;
  /** The broker at `url`, when it may be killed. */
  readonly node?: BrokerNode;
  readonly say: (line: string) => void;
  /** How long the end may take without any progress. @unit milliseconds */
  readonly patienceMs: number;
}

/** A kill, and how long traffic took to flow again once what was killed was up. */
export interface Recovery {
  readonly victim: Victim;
  /** @unit milliseconds */
  readonly tookMs: number;
}

export interface SoakReport {
  readonly verdict: Verdict;
  readonly recoveries: readonly Recovery[];
  readonly seconds: number;
}

/** How long traffic may take to flow again before the soak is given up; the verdict asks for less. @unit milliseconds */
const GIVE_UP = 120_000;
const PROGRESS = 5_000;

/**
 * Publishes under load while brokers and processes are killed, then waits until everything is handled. Between two kills
 * at least the same number of messages is published, however fast the machine is.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { keys, url, say, messages } = options;
  const each = Math.ceil(messages / keys);
  const random = randomFrom(options.seed);
  const plan = planOf(options.kills, random);
  const begun = performance.now();
  const recoveries: Recovery[] = [];
  const quotaOf = (phase: number): number => Math.ceil((each * (phase + 1)) / (plan.length + 1));
  const traffic = await Traffic.start({
    url,
    keys,
    breathMs: 0,
    quota: quotaOf(0),
    processes: { publisher: 2, router: 2, oms: 2, sinks: 1 },
  });
  const progress = setInterval(() => {
    say(progressOf(traffic, recoveries.length, performance.now() - begun));
  }, PROGRESS);
  try {
    for (const [phase, victim] of plan.entries()) {
      const from = phase === 0 ? 0 : quotaOf(phase - 1);
      const at = Math.floor(keys * (from + (quotaOf(phase) - from) * random() * 0.8));
      await traffic.publishes(at);
      await kill(victim, options.node, traffic, random);
      const tookMs = await traffic.flows(traffic.standing(), GIVE_UP);
      recoveries.push({ victim, tookMs });
      traffic.allow(quotaOf(phase + 1));
    }
    await traffic.publishes(each * keys);
    const verdict = await traffic.judge(options.patienceMs);
    await traffic.finish();
    return { verdict, recoveries, seconds: (performance.now() - begun) / 1_000 };
  } catch (error) {
    // What it looked like then says more than that it did not go on.
    for (const endpoint of (await traffic.stats()).endpoints) say(JSON.stringify(endpoint));
    throw error;
  } finally {
    clearInterval(progress);
    await traffic.dispose();
  }
}

/** Kills one of the victim's kind, and resolves when it is up again. */
async function kill(
  victim: Victim,
  node: BrokerNode | undefined,
  traffic: Traffic,
  random: () => number,
): Promise<void> {
  if (victim === 'broker') {
    if (node === undefined) throw new Error('a broker that is not ours is not killed');
    await node.kill();
    await node.start();
    return;
  }
  const roles = { router: ['router'], consumer: ['oms', 'sinks'], publisher: ['publisher'] } as const;
  const among = roles[victim].flatMap((role) => traffic.of(role));
  const process = among[Math.floor(random() * among.length)];
  if (process !== undefined) await traffic.restart(process);
}

/** All kills, in an order of chance. */
function planOf(kills: SoakOptions['kills'], random: () => number): readonly Victim[] {
  const victims = (['broker', 'router', 'consumer', 'publisher'] as const).flatMap((victim) =>
    Array.from({ length: kills[victim] ?? 0 }, () => ({ victim, at: random() })),
  );
  return victims.sort((one, other) => one.at - other.at).map(({ victim }) => victim);
}

function progressOf({ ledger }: Traffic, kills: number, ms: number): string {
  const { oms, billing, mail } = ledger.handled;
  const seconds = ms / 1_000;
  const rate = Math.round(ledger.acknowledged / seconds);
  return `${seconds.toFixed(0)} s  published ${String(ledger.acknowledged)} (${String(rate)}/s)  handled: oms ${String(oms)}, billing ${String(billing)}, mail ${String(mail)}  kills ${String(kills)}`;
}
