import { request as plain, type RequestOptions } from 'node:http';
import { request as secure } from 'node:https';
import { toError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RabbitAddress } from './address.ts';

/** What a vhost holds, as RabbitMQ's management plugin tells it. Nothing else can tell bindings. */
export interface Holdings {
  readonly exchanges: readonly HeldExchange[];
  readonly queues: readonly HeldQueue[];
  readonly bindings: readonly HeldBinding[];
}

export interface HeldExchange {
  readonly name: string;
}

export interface HeldQueue {
  readonly name: string;
  /** Belongs to one connection, and goes with it. */
  readonly exclusive: boolean;
  /** What policies add to its arguments, such as a bound; empty for most. */
  readonly policy: readonly string[];
}

export interface HeldBinding {
  readonly from: string;
  readonly to: string;
  readonly kind: 'queue' | 'exchange';
  readonly pattern: string;
}

/** Of one answer. @unit milliseconds */
const PATIENCE = 10_000;

/** @throws Error that says what is wrong, without the password */
export async function readHoldings(address: RabbitAddress, management: URL, clock: Clock): Promise<Holdings> {
  const list = async (what: string, columns: string): Promise<readonly object[]> => {
    const vhost = encodeURIComponent(decodeURIComponent(address.connect.vhost ?? '/'));
    const url = new URL(`api/${what}/${vhost}?columns=${columns}`, management);
    const answer: unknown = JSON.parse(await get(url, address, clock));
    if (!Array.isArray(answer)) throw new Error(`${url.origin} is no management plugin of RabbitMQ`);
    return answer.filter((each: unknown) => typeof each === 'object' && each !== null);
  };
  const exchanges = await list('exchanges', 'name');
  const queues = await list('queues', 'name,exclusive,effective_policy_definition');
  const bindings = await list('bindings', 'source,destination,destination_type,routing_key');
  return {
    exchanges: exchanges.map((each) => ({ name: text(each, 'name') })),
    queues: queues.map((each) => {
      const policy: unknown = Reflect.get(each, 'effective_policy_definition');
      return {
        name: text(each, 'name'),
        exclusive: Reflect.get(each, 'exclusive') === true,
        policy: typeof policy === 'object' && policy !== null ? Object.keys(policy) : [],
      };
    }),
    bindings: bindings.map((each) => ({
      from: text(each, 'source'),
      to: text(each, 'destination'),
      kind: text(each, 'destination_type') === 'queue' ? 'queue' : 'exchange',
      pattern: text(each, 'routing_key'),
    })),
  };
}

function text(from: object, name: string): string {
  const value: unknown = Reflect.get(from, name);
  return typeof value === 'string' ? value : '';
}

function get(url: URL, { connect, socket }: RabbitAddress, clock: Clock): Promise<string> {
  return new Promise((resolve, reject) => {
    const auth = `${connect.username ?? ''}:${connect.password ?? ''}`;
    const options: RequestOptions = { auth, agent: false };
    const asked = url.protocol === 'https:' ? secure(url, { ...options, ...socket }) : plain(url, options);
    const timer = clock.timer(PATIENCE, () => {
      asked.destroy(new Error(`no answer within ${String(PATIENCE / 1_000)} s`));
    });
    const failed = (error: unknown): void => {
      timer.cancel();
      reject(new Error(`${url.origin}: ${toError(error).message}`));
    };
    asked.once('error', failed);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', failed);
      response.once('end', () => {
        timer.cancel();
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
        else failed(new Error(REASONS[response.statusCode ?? 0] ?? `answers ${String(response.statusCode)}`));
      });
    });
    asked.end();
  });
}

const REASONS: Readonly<Record<number, string>> = {
  401: "the user is refused; it needs the tag 'management'",
  404: 'there is no management plugin, or not this vhost',
};
