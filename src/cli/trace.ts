import {
  conversationsOf,
  type HistoryRecord,
  type Host,
  type MessagePath,
  messagesLike,
  pathsOf,
  type ReadHistory,
  toError,
  unseenOf,
  WaybillError,
} from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type Letters, lettersOf, letterTime } from './letters.ts';
import { PathTree, type UnseenOf } from './path-tree.ts';
import { type GlobalOptions, withBus } from './session.ts';
import { count, type Terminal } from './terminal.ts';
import { unseenAt } from './unseen.ts';

/** Of an id that is not given whole: fewer characters say too little. */
const LEAST = 8;
/** More ids that begin alike are not listed. */
const MOST_LISTED = 20;
/** A letter is made a moment after its message was given up. @unit milliseconds */
const MOMENT_MS = 2_000;
const LETTERS = 'dead letters and parked messages';

/** Shows what was done with a message and what came of it, from the bus's own records. */
export async function trace(terminal: Terminal, asked: string, options: GlobalOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const { transport } = host;
    const manifest = await transport.manifest();
    if (manifest === undefined) throw nothingApplied(host);
    const look = lookingAt(terminal);
    let unreadable = 0;
    const history: ReadHistory = async (read) => {
      unreadable = await transport.history(read);
    };
    const id = asked.trim();
    // Null where whoever asks may not look.
    const letter = letterTime(id) === undefined ? undefined : await look(LETTERS, transport.dead.get(id), null);
    const given = letter?.message.envelope.id ?? id;
    const { message, records } = await recordsOf(given, history);
    const near = letter === null && records.length === 0 ? await givenUpAt(letterTime(id) ?? 0, history) : [];
    if (unreadable > 0) sayUnreadable(terminal, unreadable);
    const paths = records.length === 0 ? [] : pathsOf(message, records);
    const places = unseenOf(paths, manifest);
    const stats = places.length === 0 ? undefined : await look('what waits', transport.stats(), undefined);
    const unseen = new Map<string, UnseenOf>(
      places.map(({ message: of, untaken, endpoints }) => {
        return [of, { untaken, at: endpoints.map((endpoint) => unseenAt(endpoint, stats, manifest)) }];
      }),
    );
    const died = records.length === 0 ? [given] : givenUp(records);
    // They may be parked, unless it is known that nothing is.
    const parkable = stats?.parked === 0 ? places.filter(({ untaken }) => untaken !== undefined) : places;
    const letters = await look(
      LETTERS,
      lettersOf(transport, new Set(letter === null ? [] : died), new Set(parkable.map((place) => place.message))),
      new Map<string, Letters>(),
    );
    const all = [...letters.values()];
    const deadLetters = all.flatMap(({ waiting }) => waiting);
    terminal.data({
      message,
      paths: paths.map((path) => plain(path, unseen)),
      audit: all.flatMap(({ audit }) => audit),
      deadLetters,
      parked: all.flatMap(({ parked }) => parked),
    });
    if (records.length === 0) return unknown(terminal, id, deadLetters[0], near);
    const style: Terminal['style'] = (format, text) => terminal.style(format, text);
    const tree = new PathTree({ asked: message, letters, unseen, style });
    for (const path of paths) terminal.print(tree.text(path));
    if (!terminal.json) terminal.note(count(records.length, 'record'));
    return 'ok';
  });
}

function sayUnreadable(terminal: Terminal, parts: number): void {
  const text = `${count(parts, 'part')} of the message history cannot be read and ${parts === 1 ? 'is' : 'are'} passed over`;
  terminal.note(terminal.style('yellow', text, 'stderr'));
}

function nothingApplied({ plan }: Host): WaybillError {
  const { bus } = plan.definition;
  return new WaybillError('WB_PLAN_NOT_APPLIED', `nothing was applied to the bus ${bus} yet, so nothing is on record`, {
    fix: 'Run `waybill apply`.',
  });
}

/** What somebody may not look at is no reason to show nothing: it is said once. */
function lookingAt(
  terminal: Terminal,
): <T, Else>(what: string, look: Promise<T>, otherwise: Else) => Promise<T | Else> {
  const said = new Set<string>();
  return (what, look, otherwise) =>
    look.catch((error: unknown) => {
      const { message } = toError(error);
      const why = /ACCESS_REFUSED/.test(message)
        ? `${what} cannot be read with these rights: shown is what the message history knows`
        : `${what} cannot be looked at: ${message}`;
      if (!said.has(what)) terminal.note(why);
      said.add(what);
      return otherwise;
    });
}

/** @throws WB_OPTION_INVALID for the beginning of several ids */
async function recordsOf(
  id: string,
  history: ReadHistory,
): Promise<{ readonly message: string; readonly records: readonly HistoryRecord[] }> {
  const records = await conversationsOf(id, history);
  if (records.length > 0 || id.length < LEAST) return { message: id, records };
  const [only, ...others] = await messagesLike(id, history);
  if (only === undefined) return { message: id, records };
  if (others.length === 0) return { message: only, records: await conversationsOf(only, history) };
  const all = [only, ...others];
  const more = all.length - MOST_LISTED;
  const listed = [...all.slice(0, MOST_LISTED), ...(more > 0 ? [`and ${more.toLocaleString('en')} more`] : [])];
  throw new WaybillError(
    'WB_OPTION_INVALID',
    `${count(all.length, 'message')} on record have an id that begins with ${id}`,
    {
      fix: ['Give more of it:', ...listed].join('\n    '),
    },
  );
}

function givenUp(records: readonly HistoryRecord[]): readonly string[] {
  return records.filter(({ operation }) => operation === 'dead-letter').map((record) => record.message);
}

/** What was given up when a letter was made, one of which is its message. */
async function givenUpAt(ms: number, history: ReadHistory): Promise<readonly HistoryRecord[]> {
  const found: HistoryRecord[] = [];
  await history((records) => {
    for (const record of records)
      if (record.operation === 'dead-letter' && Math.abs(record.at - ms) <= MOMENT_MS) found.push(record);
  });
  return found;
}

function unknown(
  terminal: Terminal,
  asked: string,
  letter: string | undefined,
  near: readonly HistoryRecord[],
): ExitName {
  terminal.note(`there is no record of the message ${JSON.stringify(asked)}`);
  if (letter !== undefined) terminal.note(`it waits as a dead letter: waybill dead show ${letter}`);
  else if (near.length > 0) {
    terminal.note('if that is a dead letter, its message is one of those that were given up then:');
    for (const { message, type, endpoint = '' } of near)
      terminal.note(`  ${type}, given up at ${endpoint}: waybill trace ${message}`);
  } else {
    if (asked.length < LEAST) terminal.note(`of an id that is not whole, ${String(LEAST)} characters are needed`);
    terminal.note(
      'records are kept for a day, up to 64 MiB, and of a part of the conversations where there are very many',
    );
  }
  return 'nothing';
}

/** For machines: what was recorded, in the shape of the path. */
function plain({ events, made, type, ...path }: MessagePath, unseen: ReadonlyMap<string, UnseenOf>): object {
  const { untaken, at = [] } = unseen.get(path.message) ?? {};
  return {
    ...path,
    ...(type !== undefined && { type }),
    ...(untaken !== undefined && { untaken: true }),
    ...(at.length > 0 && { unseen: at }),
    events: events.map((event) => ({ ...event.record, made: event.made.map((each) => plain(each, unseen)) })),
    made: made.map((each) => plain(each, unseen)),
  };
}
