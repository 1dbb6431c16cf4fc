import type { Envelope } from '../../message.ts';
import { OPTIONAL_ATTRIBUTES } from './attributes.ts';
import { commonAttributes, HEAD_BEGIN, HEAD_END } from './batch-body.ts';

const NAMES = OPTIONAL_ATTRIBUTES.map(([name, property]) => ({ property, text: `,"${name}":"` }));

/**
 * Reads the attributes of a batch's members as Waybill writes them, a sixth of what it takes to parse their JSON and to ask which
 * attributes are there. What is written in any other way is left to whoever parses JSON.
 */
export class HeadReader {
  /** The latest member that was read by its JSON, and what its neighbours have in common with it. */
  #latest: Envelope | undefined;
  #common = '';

  /** What was read by its JSON. */
  learn(envelope: Envelope): void {
    this.#latest = envelope;
    this.#common = commonAttributes(envelope);
  }

  /** @param head from the opening brace up to `data` @returns undefined when it is not of the form that it knows */
  read(head: string): Envelope | undefined {
    // An escaped quote would end a text too soon.
    if (this.#latest === undefined || head.includes('\\') || !head.startsWith(HEAD_BEGIN)) return undefined;
    const { source, type, version } = this.#latest;
    const idEnd = head.indexOf('"', HEAD_BEGIN.length);
    if (idEnd <= HEAD_BEGIN.length || !head.startsWith(this.#common, idEnd)) return undefined;
    const id = head.slice(HEAD_BEGIN.length, idEnd);
    const timeBegin = idEnd + this.#common.length;
    let at = head.indexOf('"', timeBegin) + 1;
    if (at === 0) return undefined;
    const envelope: Mutable<Envelope> = { id, source, type, version, time: head.slice(timeBegin, at - 1) };
    for (const { property, text } of NAMES) {
      if (!head.startsWith(text, at)) continue;
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

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };
