import { type Envelope, type EnvelopeDraft, typeRef } from '../../message.ts';
import { extensionsOf, OPTIONAL_ATTRIBUTES, SCHEMA_PREFIX } from './attributes.ts';
import type { ByteWriter } from './byte-writer.ts';

/**
 * The head of a CloudEvent in JSON, which is all that stands before its `data`:
 * `{"specversion":"1.0","id":"...","source":"...","type":"...","dataschema":"...","time":"...",<others>,"datacontenttype":"application/json"`
 */

const BEGIN = '{"specversion":"1.0","id":"';
const HEAD_END = ',"datacontenttype":"application/json"';
/** Between a head and its data. */
export const DATA = Buffer.from(',"data":');

const OTHERS = OPTIONAL_ATTRIBUTES.map(([name, property]) => {
  const text = `,"${name}":"`;
  return { property, text, bytes: Buffer.from(text), initial: name.charAt(0) };
});
const BEGIN_BYTES = Buffer.from(BEGIN);
const END_BYTES = Buffer.from(HEAD_END);
const QUOTE = Buffer.from('"');

/** From the closing quote of the id to the opening one of the time; the same for all messages of one source and type. */
function commonPart({ source, type, version }: Envelope): string {
  const attributes = JSON.stringify({ source, type, dataschema: SCHEMA_PREFIX + typeRef(type, version) });
  return `",${attributes.slice(1, -1)},"time":"`;
}

/** Writes heads one after another. What neighbours have in common is made once. */
export class HeadWriter {
  readonly #to: ByteWriter;
  #latest: Envelope | undefined;
  #common: Buffer = Buffer.alloc(0);

  constructor(to: ByteWriter) {
    this.#to = to;
  }

  write(envelope: Envelope): void {
    const to = this.#to;
    to.bytes(BEGIN_BYTES);
    to.json(envelope.id);
    to.bytes(this.#commonOf(envelope));
    to.json(envelope.time);
    to.bytes(QUOTE);
    for (const { property, bytes } of OTHERS) {
      const value = envelope[property];
      if (value === undefined) continue;
      to.bytes(bytes);
      to.json(value);
      to.bytes(QUOTE);
    }
    for (const [name, value] of extensionsOf(envelope)) to.text(`,${JSON.stringify(name)}:${JSON.stringify(value)}`);
    to.bytes(END_BYTES);
  }

  #commonOf(envelope: Envelope): Buffer {
    const { type, version, source } = envelope;
    const latest = this.#latest;
    if (latest?.type !== type || latest.version !== version || latest.source !== source)
      this.#common = Buffer.from(commonPart(envelope));
    this.#latest = envelope;
    return this.#common;
  }
}

/**
 * Reads heads as `HeadWriter` writes them, without parsing JSON for each. What is written in another way is left to the JSON parser.
 * It checks no more than that: a control character that JSON forbids is read as it is, and only Waybill writes where it reads. What it
 * gives are slices of the head, which they keep from being freed.
 */
export class HeadReader {
  /** The latest that was read by the JSON parser, and what it has in common with its neighbours. */
  #latest: Envelope | undefined;
  #common = '';

  /** What the JSON parser has read. */
  learn(envelope: Envelope): void {
    this.#latest = envelope;
    this.#common = commonPart(envelope);
  }

  /** @param head up to the comma before `data` @returns undefined when it is written in another way */
  read(head: string): Envelope | undefined {
    // An escaped quote would end a text too soon.
    if (this.#latest === undefined || head.includes('\\') || !head.startsWith(BEGIN)) return undefined;
    const { source, type, version } = this.#latest;
    const idEnd = head.indexOf('"', BEGIN.length);
    if (idEnd <= BEGIN.length || !head.startsWith(this.#common, idEnd)) return undefined;
    const id = head.slice(BEGIN.length, idEnd);
    const timeBegin = idEnd + this.#common.length;
    let at = head.indexOf('"', timeBegin) + 1;
    if (at === 0) return undefined;
    const envelope: EnvelopeDraft = { id, source, type, version, time: head.slice(timeBegin, at - 1) };
    for (const { property, text, initial } of OTHERS) {
      // Most are not there, and their first letter tells.
      if (head[at + 2] !== initial || !head.startsWith(text, at)) continue;
      const begin = at + text.length;
      const end = head.indexOf('"', begin);
      if (end === -1) return undefined;
      // A conversation has the id of its first message.
      envelope[property] = end - begin === id.length && head.startsWith(id, begin) ? id : head.slice(begin, end);
      at = end + 1;
    }
    return at + HEAD_END.length === head.length && head.endsWith(HEAD_END) ? envelope : undefined;
  }
}
