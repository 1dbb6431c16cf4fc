import type { Message } from 'amqplib';
import type { Clock } from '../../ports/clock.ts';
import type { AuditRecord } from '../../ports/transport.ts';
import { type ChannelSource, readStream } from './stream.ts';

/** Who redrove or discarded what, oldest first, up to now. */
export async function* readAudit(source: ChannelSource, queue: string, clock: Clock): AsyncGenerator<AuditRecord> {
  const records: AuditRecord[] = [];
  await readStream(source, queue, 'first', clock, (message: Message) => {
    // All of one step together, since there may be very many.
    const step: unknown = JSON.parse(message.content.toString('utf8'));
    if (Array.isArray(step)) for (const record of step) if (isAuditRecord(record)) records.push(record);
  });
  yield* records;
}

function isAuditRecord(value: unknown): value is AuditRecord {
  if (typeof value !== 'object' || value === null) return false;
  const texts = ['at', 'by', 'letter', 'messageId', 'endpoint'] as const;
  if (!('action' in value) || (value.action !== 'redrive' && value.action !== 'discard')) return false;
  return texts.every((name) => typeof Reflect.get(value, name) === 'string');
}
