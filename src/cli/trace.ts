import { conversationsOf, type HistoryRecord, type Host, type MessagePath, pathsOf } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { PathTree } from './path-tree.ts';
import { type GlobalOptions, withBus } from './session.ts';
import { count, type Terminal } from './terminal.ts';

/** Shows what was done with a message and what came of it, from the bus's own records. */
export async function trace(terminal: Terminal, message: string, options: GlobalOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const records = await conversationsOf(message, (read) => host.transport.history(read));
    const waiting = await lettersOf(host, message, records);
    if (records.length === 0) return unknown(terminal, message, waiting);
    const paths = pathsOf(message, records);
    terminal.data({ message, paths: paths.map((path) => plain(path)), deadLetters: [...waiting.values()].flat() });
    if (!terminal.json) {
      const tree = new PathTree({ asked: message, waiting, style: (format, text) => terminal.style(format, text) });
      for (const path of paths) terminal.print(tree.text(path));
      terminal.note(count(records.length, 'record'));
    }
    return 'ok';
  });
}

/** Letters that wait now, of the messages on the path; by message. */
async function lettersOf(
  host: Host,
  message: string,
  records: readonly HistoryRecord[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const died = new Set(records.filter(({ operation }) => operation === 'dead-letter').map((record) => record.message));
  if (records.length === 0) died.add(message);
  const found = new Map<string, string[]>();
  for (const messageId of died) {
    for await (const { id } of host.transport.dead.list({ messageId }))
      found.set(messageId, [...(found.get(messageId) ?? []), id]);
  }
  return found;
}

function unknown(terminal: Terminal, message: string, waiting: ReadonlyMap<string, readonly string[]>): ExitName {
  const [letter] = waiting.get(message) ?? [];
  terminal.data({ message, paths: [], deadLetters: [...waiting.values()].flat() });
  terminal.note(`there is no record of the message ${message}`);
  terminal.note(
    letter === undefined
      ? 'records are kept for a day, up to 64 MiB, and of a part of the conversations where there are very many'
      : `it waits as a dead letter: waybill dead show ${letter}`,
  );
  return 'nothing';
}

/** For machines: nothing but what was recorded, in the shape of the path. */
function plain({ message, type, to, events, results }: MessagePath): object {
  return {
    message,
    ...(type !== undefined && { type }),
    ...(to.length > 0 && { to }),
    events: events.map((event) => ({ ...event.record, results: event.results.map((each) => plain(each)) })),
    ...(results.length > 0 && { results: results.map((each) => plain(each)) }),
  };
}
