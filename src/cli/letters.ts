import type { AuditRecord, Office, Transport } from '../index.ts';

/** What became of a message that was given up, or that nobody took. */
export interface Letters {
  /** What people did with it, oldest first. */
  readonly audit: readonly AuditRecord[];
  /** Its dead letters that wait now, by their ids. */
  readonly waiting: readonly string[];
  /** As it waits in the parking lot, by the ids of these letters. */
  readonly parked: readonly string[];
}

interface Found extends Letters {
  readonly audit: AuditRecord[];
  readonly waiting: string[];
  readonly parked: string[];
}

/**
 * On RabbitMQ a look holds a queue: not without need.
 * @param died messages that were given up
 * @param untaken messages that may be in the parking lot
 */
export async function lettersOf(
  transport: Pick<Transport, 'dead' | 'parked' | 'audit'>,
  died: ReadonlySet<string>,
  untaken: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Letters>> {
  const found = new Map<string, Found>();
  const of = (message: string): Found => {
    const letters = found.get(message) ?? { audit: [], waiting: [], parked: [] };
    found.set(message, letters);
    return letters;
  };
  for await (const { id, message } of letters(transport.dead, died)) of(message).waiting.push(id);
  for await (const { id, message } of letters(transport.parked, untaken)) of(message).parked.push(id);
  if (died.size + untaken.size === 0) return found;
  for await (const record of transport.audit()) {
    if (died.has(record.messageId) || untaken.has(record.messageId)) of(record.messageId).audit.push(record);
  }
  return found;
}

async function* letters(office: Office, messages: ReadonlySet<string>): AsyncIterable<{ id: string; message: string }> {
  if (messages.size === 0) return;
  const [only, ...others] = messages;
  const filter = only === undefined || others.length > 0 ? {} : { messageId: only };
  for await (const { id, message } of office.list(filter)) {
    if (messages.has(message.envelope.id)) yield { id, message: message.envelope.id };
  }
}

/** When a letter was made, by its id; undefined for what is no id of one. @unit milliseconds since the Unix epoch */
export function letterTime(id: string): number | undefined {
  return /^[0-9a-z]{9}-[0-9a-z]+(-[0-9a-z]+)?$/.test(id) ? Number.parseInt(id.slice(0, 9), 36) : undefined;
}
