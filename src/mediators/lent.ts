import { WaybillError } from '../errors.ts';
import type { Envelope } from '../message.ts';
import { headerNameFault } from '../message.ts';
import type { RouteMessage, RouteMessageChange } from '../ports/mediator.ts';
import { freezeJson } from './plain-json.ts';

/**
 * A message in the hands of code that is not ours. What it reads is frozen, since other routes read the same; what it makes of it is
 * checked at once, so that the error stands where the mistake was made.
 */
export class Lent implements RouteMessage {
  /** Whether new data was made on the way here. */
  readonly changed: boolean;
  readonly #message: RouteMessage;

  constructor(message: RouteMessage, changed = false) {
    this.#message = message;
    this.changed = changed;
    Object.freeze(this);
  }

  get envelope(): Envelope {
    return frozen(this.#message.envelope);
  }

  get data(): unknown {
    return frozen(this.#message.data);
  }

  get vars(): Readonly<Record<string, unknown>> {
    return frozen(this.#message.vars);
  }

  get tables(): RouteMessage['tables'] {
    return this.#message.tables;
  }

  /** @throws WB_PLUGIN_RESULT */
  with(change: RouteMessageChange): Lent {
    const given: unknown = change;
    if (typeof given !== 'object' || given === null) throw rubbish('with() takes an object, such as { data }');
    // Read once: what is checked is what is taken.
    const own: RouteMessageChange = { ...given };
    if ('data' in own && own.data === undefined) throw rubbish('with({ data }): data is undefined');
    for (const [name, value] of Object.entries(own)) {
      const wrong = wrongChange(name, value);
      if (wrong !== undefined)
        throw rubbish(`with({ ${name} }): ${wrong}`, wrong.includes(NO_TEXT) ? AS_TEXT : undefined);
    }
    return new Lent(this.#message.with(own), this.changed || own.data !== undefined);
  }

  /** The message itself. @throws WB_PLUGIN_RESULT when it is none that was lent */
  static back(given: unknown): RouteMessage {
    if (given instanceof Lent) return given.#message;
    throw rubbish('it is not a message', 'Return the message it got, what its with() returns, or a list of those.');
  }
}

function wrongChange(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  switch (name) {
    case 'data':
      return freezeJson(value, 'data');
    case 'vars':
      return isObject(value) ? freezeJson(value, 'vars') : 'vars is no object';
    case 'envelope':
      return isObject(value) ? wrongEnvelope(value) : 'envelope is no object';
    case 'key':
      return notText('the key', value);
    case 'notBeforeMs':
      return Number.isFinite(value) ? undefined : 'notBeforeMs is no number';
    case 'again':
      return value === true ? undefined : 'again is true, or is left out';
    case 'exit':
      return isExit(value) ? undefined : 'exit is none that the scope made';
    case 'copies':
      return Array.isArray(value) && value.every(isExit) ? undefined : 'copies are not places that the scope made';
    default:
      return 'there is nothing of that name to change: it takes data, vars, envelope, key, notBeforeMs, again, exit and copies';
  }
}

const NO_TEXT = 'is no text, but';
const AS_TEXT = 'Make it text, as String(value) does, or leave it out.';

const TEXTS: readonly string[] = ['id', 'source', 'type', 'time'];
const PERHAPS: readonly string[] = [
  ...['subject', 'key', 'traceparent', 'tracestate', 'correlationId', 'causationId', 'expiryTime', 'replyTo'],
];

function wrongEnvelope(envelope: Readonly<Record<string, unknown>>): string | undefined {
  for (const name of [...TEXTS, ...PERHAPS]) {
    const value = envelope[name];
    if (value === undefined && PERHAPS.includes(name)) continue;
    const wrong = notText(`envelope.${name}`, value);
    if (wrong !== undefined) return wrong;
  }
  if (!Number.isInteger(envelope['version'])) return 'envelope.version is no whole number';
  const { headers = {} } = envelope;
  if (!isObject(headers)) return 'envelope.headers is no object';
  for (const [name, value] of Object.entries(headers)) {
    const wrong = headerNameFault(name) ?? (value === '' ? undefined : notText(`envelope.headers.${name}`, value));
    if (wrong !== undefined) return wrong;
  }
  return freezeJson(envelope, 'envelope');
}

/** What the bus made is plain JSON, so there is nothing to find. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) freezeJson(value);
  return value;
}

export function rubbish(message: string, fix?: string): WaybillError {
  return new WaybillError('WB_PLUGIN_RESULT', message, fix === undefined ? {} : { fix });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is wrong with an attribute that has to be text: what it is instead, and not its value, which may be sensitive. */
function notText(what: string, value: unknown): string | undefined {
  if (typeof value === 'string' && value !== '') return undefined;
  return `${what} ${NO_TEXT} ${kindOf(value)}`;
}

function kindOf(value: unknown): string {
  if (value === '') return 'empty';
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isExit(value: unknown): boolean {
  return isObject(value) && typeof value['id'] === 'string';
}
