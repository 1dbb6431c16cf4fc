import type { Message } from 'amqplib';
import { WaybillError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { EndpointSpec, Manifest, Topology } from '../../ports/topology.ts';
import { headersOf } from './decode.ts';
import type { Layout } from './layout.ts';
import { type ChannelSource, queueExists, readStream } from './stream.ts';

/** One record of the manifest stream. The last one says all. */
export interface ManifestRecord {
  /** What was applied last; absent on a bus whose first apply has not ended. */
  readonly applied?: Manifest;
  /** What an apply began to make and has not ended, with the bindings of those before it that did not end either. */
  readonly intent?: Topology;
  /** What the broker has of each endpoint. Absent in records of the first version of Waybill. */
  readonly layout?: Layout;
  /** Plans under which endpoints that the applied one has no more are drained, by edition. */
  readonly plans?: Readonly<Record<string, Manifest>>;
  /** Endpoints of earlier plans: how the first version of Waybill noted them. */
  readonly retired?: readonly EndpointSpec[];
}

export interface Positioned {
  readonly offset: number;
  readonly record: ManifestRecord;
}

export function encodeRecord(record: ManifestRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** @throws WB_TOPOLOGY_CONFLICT when it is of another version of Waybill */
export function decodeRecord(message: Message): Positioned {
  const offset: unknown = headersOf(message)['x-stream-offset'];
  const record: unknown = JSON.parse(message.content.toString('utf8'));
  if (!isRecord(record)) {
    throw new WaybillError(
      'WB_TOPOLOGY_CONFLICT',
      `the manifest of the bus (queue ${message.fields.routingKey}) is of a newer version of Waybill`,
      {
        fix: 'Update this Waybill.',
      },
    );
  }
  return { offset: Number(offset ?? 0), record };
}

function isRecord(value: unknown): value is ManifestRecord {
  if (typeof value !== 'object' || value === null) return false;
  if ('layout' in value && !Array.isArray(value.layout)) return false;
  if (!('applied' in value) || value.applied === undefined) return true;
  return (
    typeof value.applied === 'object' &&
    value.applied !== null &&
    'format' in value.applied &&
    value.applied.format === 1
  );
}

/** The last record; undefined on a bus that is new. */
export async function readManifest(
  source: ChannelSource,
  queue: string,
  clock: Clock,
): Promise<Positioned | undefined> {
  if (!(await existsByNow(source, queue, clock))) return undefined;
  let last: Message | undefined;
  await readStream(source, queue, 'last', clock, (message) => {
    last = message;
  });
  return last === undefined ? undefined : decodeRecord(last);
}

/** How long a broker that has just started may take until its queues are up. @unit milliseconds */
const STARTING = 20_000;

async function existsByNow(source: ChannelSource, queue: string, clock: Clock): Promise<boolean> {
  const deadline = clock.elapsed() + STARTING;
  for (;;) {
    try {
      return await queueExists(source, queue);
    } catch (error) {
      const starting = error instanceof WaybillError && error.retryable && /inaccessible/.test(error.message);
      if (!starting || clock.elapsed() > deadline) throw error;
    }
    await pause(clock, 200);
  }
}
