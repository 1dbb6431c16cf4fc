import {
  type AuditRecord,
  conversationsOf,
  type HistoryRecord,
  type Host,
  type MessagePath,
  pathsOf,
  toError,
} from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type Letters, PathTree } from './path-tree.ts';
import { type GlobalOptions, withBus } from './session.ts';
import { count, type Terminal } from './terminal.ts';

/** Shows what was done with a message and what came of it, from the bus's own records. */
export async function trace(terminal: Terminal, id: string, options: GlobalOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const message = await messageOf(host, id.trim());
    const records = await conversationsOf(message, (read) => host.transport.history(read));
    const letters = await lettersOf(host, records.length === 0 ? [message] : givenUp(records)).catch(
      (error: unknown): ReadonlyMap<string, Letters> => {
        // Watchers may not.
        terminal.note(`the dead letters cannot be looked at: ${toError(error).message}`);
        return new Map();
      },
    );
    const deadLetters = [...letters.values()].flatMap(({ waiting }) => waiting);
    const paths = records.length === 0 ? [] : pathsOf(message, records);
    const audit = [...letters.values()].flatMap((each) => each.audit);
    terminal.data({ message, paths: paths.map((path) => plain(path)), audit, deadLetters });
    if (records.length === 0) return unknown(terminal, message, deadLetters[0]);
    const tree = new PathTree({ asked: message, letters, style: (format, text) => terminal.style(format, text) });
    for (const path of paths) terminal.print(tree.text(path));
    if (!terminal.json) terminal.note(count(records.length, 'record'));
    return 'ok';
  });
}

/** What people have before them may be the id of a dead letter. */
async function messageOf({ transport }: Host, id: string): Promise<string> {
  if (!/^[0-9a-z]{9}-[0-9a-z]+(-[0-9a-z]+)?$/.test(id)) return id;
  return (await transport.dead.get(id))?.message.envelope.id ?? id;
}

function givenUp(records: readonly HistoryRecord[]): readonly string[] {
  return records.filter(({ operation }) => operation === 'dead-letter').map((record) => record.message);
}

async function lettersOf({ transport }: Host, died: readonly string[]): Promise<ReadonlyMap<string, Letters>> {
  const messages = new Set(died);
  const found = new Map<string, { audit: AuditRecord[]; waiting: string[] }>();
  // On RabbitMQ a look holds the queue: not without need.
  if (messages.size === 0) return found;
  const of = (message: string): { audit: AuditRecord[]; waiting: string[] } => {
    const letters = found.get(message) ?? { audit: [], waiting: [] };
    found.set(message, letters);
    return letters;
  };
  const [only, ...others] = messages;
  const filter = only === undefined || others.length > 0 ? {} : { messageId: only };
  for await (const { id, message } of transport.dead.list(filter)) {
    if (messages.has(message.envelope.id)) of(message.envelope.id).waiting.push(id);
  }
  for await (const record of transport.audit()) {
    if (messages.has(record.messageId)) of(record.messageId).audit.push(record);
  }
  return found;
}

function unknown(terminal: Terminal, message: string, letter: string | undefined): ExitName {
  terminal.note(`there is no record of the message ${JSON.stringify(message)}`);
  terminal.note(
    letter === undefined
      ? 'records are kept for a day, up to 64 MiB, and of a part of the conversations where there are very many'
      : `it waits as a dead letter: waybill dead show ${letter}`,
  );
  return 'nothing';
}

/** For machines: what was recorded, in the shape of the path. */
function plain({ events, made, type, ...path }: MessagePath): object {
  return {
    ...path,
    ...(type !== undefined && { type }),
    events: events.map((event) => ({ ...event.record, made: event.made.map((each) => plain(each)) })),
    made: made.map((each) => plain(each)),
  };
}
