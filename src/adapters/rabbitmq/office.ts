import type { Message } from 'amqplib';
import { typeRef } from '../../message.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { AuditRecord, DeadLetter, Office, OfficeAction, OfficeFilter } from '../../ports/transport.ts';
import type { RabbitAddress } from './address.ts';
import type { Ledgers } from './counters.ts';
import { extrasOf, formatAttempts } from './extras.ts';
import { type Filed, lettersOf } from './letter.ts';
import { withLock } from './lock.ts';
import type { Postings } from './postings.ts';
import type { Publisher } from './publisher.ts';
import type { Posting } from './sending.ts';
import { Session } from './session.ts';
import type { ChannelSource } from './stream.ts';
import { countOf } from './stream.ts';

export interface OfficeOptions {
  readonly kind: 'dead' | 'parked';
  readonly address: RabbitAddress;
  readonly source: ChannelSource;
  readonly publisher: Pick<Publisher, 'send'>;
  readonly ledgers: Ledgers;
  readonly clock: Clock;
  readonly log: Log;
  /** @throws WB_PLAN_NOT_APPLIED */
  readonly postings: () => Promise<Postings>;
  /** Undefined on a bus that is new. */
  readonly queue: () => Promise<string | undefined>;
}

/** What `list` holds at a time; a longer list is read again from the start, past the letters it has given. @unit bytes */
const HELD_BYTES = 128 * 1_048_576;
/** About what a letter takes beside the body of its message. @unit bytes */
const LETTER_BYTES = 300;
/** Letters that are sent, recorded and taken out in one step. */
const STEP = 500;

/** Dead letters or parked messages in a queue of the broker. */
export class RabbitOffice implements Office {
  readonly #options: OfficeOptions;

  constructor(options: OfficeOptions) {
    this.#options = options;
  }

  /** Holds no lock while the caller looks at a letter, so that he may redrive it. */
  async *list(filter: OfficeFilter = {}): AsyncIterable<DeadLetter> {
    const given = new Set<string>();
    const limit = mostOf(filter);
    for (;;) {
      const { letters, more } = await this.#collect(filter, given, limit - given.size);
      for (const letter of letters) {
        given.add(letter.id);
        yield letter;
      }
      if (!more) return;
    }
  }

  async get(id: string): Promise<DeadLetter | undefined> {
    const { letters } = await this.#collect({ ids: [id] }, new Set(), 1);
    return letters[0];
  }

  async count(): Promise<number> {
    const queue = await this.#options.queue();
    if (queue === undefined) return 0;
    return (await countOf(this.#options.source, queue))?.messageCount ?? 0;
  }

  redrive(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    return this.#act('redrive', filter, action);
  }

  discard(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    return this.#act('discard', filter, action);
  }

  /** @param room for so many letters; there is room for a certain number of bytes as well */
  async #collect(filter: OfficeFilter, given: ReadonlySet<string>, room: number): Promise<Collected> {
    const letters: DeadLetter[] = [];
    const matches = matcher(filter);
    let bytes = 0;
    let more = false;
    if (room <= 0) return { letters, more };
    await this.#session(async (session, bus) => {
      await session.read((page) => {
        for (const message of page) {
          for (const { letter } of this.#file(message, bus)) {
            if (letters.length >= room || given.has(letter.id) || !matches(letter)) continue;
            more ||= bytes >= HELD_BYTES;
            if (more) break;
            letters.push(letter);
            bytes += letter.message.body.length + LETTER_BYTES;
          }
        }
        return Promise.resolve(letters.length < room && !more);
      });
    });
    return { letters, more };
  }

  async #act(action: AuditRecord['action'], filter: OfficeFilter, by: OfficeAction): Promise<number> {
    const { clock } = this.#options;
    const limit = mostOf(filter);
    const matches = matcher(filter);
    const begun = clock.elapsed();
    let done = 0;
    await this.#session(async (session, bus) => {
      const postings = await this.#options.postings();
      const step = Math.max(1, Math.min(STEP, by.rate ?? STEP));
      await session.read(async (page, take) => {
        let chosen: Chosen[] = [];
        const flush = async (): Promise<void> => {
          const letters = chosen.reduce((sum, { taken }) => sum + taken.length, 0);
          await this.#step(action, chosen, by, postings, take);
          chosen = [];
          done += letters;
          if (letters > 0) by.onProgress?.(done);
          if (by.rate !== undefined) await pause(clock, (done / by.rate) * 1_000 - (clock.elapsed() - begun));
        };
        let count = done;
        for (const message of page) {
          const files = this.#file(message, bus);
          const taken = files.filter(({ letter }) => count < limit && matches(letter) && ++count > 0);
          if (taken.length === 0) continue;
          chosen.push({ message, taken, kept: files.filter((file) => !taken.includes(file)) });
          if (chosen.length >= step) await flush();
        }
        await flush();
        return done < limit;
      });
    });
    return done;
  }

  /** Durable at its endpoint and recorded before it leaves. */
  async #step(
    action: AuditRecord['action'],
    chosen: readonly Chosen[],
    { by }: OfficeAction,
    postings: Postings,
    take: (message: Message) => void,
  ): Promise<void> {
    if (chosen.length === 0) return;
    const { publisher, clock, ledgers } = this.#options;
    const sends: Posting[] = [];
    for (const { taken, kept } of chosen) {
      if (action === 'redrive') sends.push(...taken.map((file) => this.#redriven(file.letter, postings)));
      // Of a batch that the broker gave up some stay: they become letters of their own before the batch is gone.
      sends.push(...kept.map((file) => this.#refiled(file, postings)));
    }
    const at = new Date(clock.now()).toISOString();
    const letters = chosen.flatMap(({ taken }) => taken);
    const records = letters.map(({ letter }): AuditRecord => {
      return { at, by, action, letter: letter.id, messageId: letter.message.envelope.id, endpoint: letter.endpoint };
    });
    await publisher.send(sends, Number.POSITIVE_INFINITY);
    await publisher.send([auditPosting(postings, records)], Number.POSITIVE_INFINITY);
    for (const { message } of chosen) take(message);
    for (const { letter, outcome } of letters) {
      ledgers.letters.add(outcome);
      if (action === 'discard') ledgers.letters.add('discarded');
      // The delivery was made once, whatever it went through; only its endpoint has one more.
      else ledgers.made.add(letter.endpoint);
    }
  }

  #redriven(letter: DeadLetter, postings: Postings): Posting {
    if (this.#options.kind === 'parked' || letter.endpoint === 'bus')
      return postings.outgoing({ to: 'bus', message: letter.message }, this.#options.clock.now());
    return postings.redelivery(letter.endpoint, letter.message, letter.id, letter.route);
  }

  #refiled({ letter, outcome }: Filed, postings: Postings): Posting {
    const extras = extrasOf({
      letter: letter.id,
      endpoint: letter.endpoint,
      route: letter.route,
      code: letter.code,
      error: letter.error,
      attempts: formatAttempts(letter.attempts),
      'died-at': letter.diedAt,
      outcome: outcome === 'parked' ? undefined : outcome,
    });
    return this.#options.kind === 'dead'
      ? postings.dead(letter.message, extras)
      : postings.parked(letter.message, extras);
  }

  #file(message: Message, bus: string): Filed[] {
    return lettersOf(message, this.#options.kind, bus, () => this.#options.clock.now());
  }

  async #session(work: (session: Session, bus: string) => Promise<void>): Promise<void> {
    const queue = await this.#options.queue();
    if (queue === undefined) return;
    const { names, topology } = await this.#options.postings();
    await withLock(names.lock(this.#options.kind), this.#options, (connection) =>
      work(new Session(connection, queue, this.#options.clock), topology.bus),
    );
  }
}

/** Some letters of a list, and whether there are others for which there was no room. */
interface Collected {
  readonly letters: DeadLetter[];
  readonly more: boolean;
}

/** An AMQP message of which some letters are chosen. */
interface Chosen {
  readonly message: Message;
  readonly taken: readonly Filed[];
  readonly kept: readonly Filed[];
}

function auditPosting({ names }: Postings, records: readonly AuditRecord[]): Posting {
  const wire = { body: Buffer.from(JSON.stringify(records)), properties: { contentType: 'application/json' } };
  return { exchange: names.records, routingKey: 'audit', key: 'audit', content: { kind: 'raw', wire } };
}

/** Whether a letter is meant. */
function matcher(filter: OfficeFilter): (letter: DeadLetter) => boolean {
  const { endpoint, route, code, key, messageId, type } = filter;
  const ids = filter.ids === undefined ? undefined : new Set(filter.ids);
  return (letter) => {
    const { envelope } = letter.message;
    return (
      (ids === undefined || ids.has(letter.id)) &&
      (endpoint === undefined || endpoint === letter.endpoint) &&
      (route === undefined || route === letter.route) &&
      (code === undefined || code === letter.code) &&
      (key === undefined || key === envelope.key) &&
      (messageId === undefined || messageId === envelope.id) &&
      (type === undefined || type === typeRef(envelope.type, envelope.version))
    );
  };
}

/** How many letters there can be at most. */
function mostOf({ ids, limit = Number.POSITIVE_INFINITY }: OfficeFilter): number {
  return ids === undefined ? limit : Math.min(limit, new Set(ids).size);
}
