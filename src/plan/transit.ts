import type { Cast } from '../contracts/contracts.ts';
import { type JsonLimits, parseJson } from '../json.ts';
import { type EncodedMessage, type Envelope, type TypeRef, typeRef } from '../message.ts';
import type { Tables } from '../ports/lookup.ts';
import type { RouteMessage, RouteMessageChange } from '../ports/mediator.ts';

/** What messages of one process are read by. */
export interface Surroundings extends JsonLimits {
  /** What expressions look up in. @default none */
  readonly tables?: Tables | undefined;
}

/** The message as it came to the program. Its body is parsed once, whatever the number of routes. */
class Origin {
  readonly message: EncodedMessage;
  readonly surroundings: Surroundings;
  #data: unknown;

  constructor(message: EncodedMessage, surroundings: Surroundings) {
    this.message = message;
    this.surroundings = surroundings;
  }

  /** @throws as `parseJson` */
  parse(): unknown {
    // JSON has no undefined, so it can stand for "not parsed yet".
    if (this.#data === undefined) this.#data = parseJson(this.message.body, this.surroundings);
    return this.#data;
  }
}

/** What a route has made of a message so far. */
export interface Progress {
  readonly envelope: Envelope;
  readonly vars: Readonly<Record<string, unknown>>;
  /** Undefined while it is that of the body. */
  readonly data: unknown;
  /** Whether the key is to be read from the data by the contract at the end. */
  readonly keyFollows: boolean;
  /** Which of several it is that a step made of one message: `.2`, nested `.2.0`. Empty when none did. */
  readonly trail: string;
  /** See `RouteMessageChange`. */
  readonly notBeforeMs: number | undefined;
  /** Whether it comes to its step again; see `RouteMessageChange`. */
  readonly again: boolean;
  /** How often it has come again. */
  readonly turn: number;
  /** The `id` of a `StepExit`. */
  readonly exit: string | undefined;
  /** The `id`s of those that get a copy once the step has returned it. */
  readonly copies: readonly string[];
}

const NO_VARS: Progress['vars'] = Object.freeze({});
const NO_COPIES: Progress['copies'] = [];

/** Not a spread of constants, which is slower; this runs for each message. */
function atStart(envelope: Envelope): Progress {
  return {
    envelope,
    vars: NO_VARS,
    data: undefined,
    keyFollows: false,
    trail: '',
    notBeforeMs: undefined,
    again: false,
    turn: 0,
    exit: undefined,
    copies: NO_COPIES,
  };
}

/** A message on its way through a route. Remembers what was changed, so that what was not passes through byte for byte. */
export class Transit implements RouteMessage {
  readonly progress: Progress;
  readonly #origin: Origin;

  private constructor(origin: Origin, progress: Progress) {
    this.#origin = origin;
    this.progress = progress;
  }

  static of(message: EncodedMessage, surroundings: Surroundings): Transit {
    const { envelope } = message;
    return new Transit(new Origin(message, surroundings), atStart(envelope));
  }

  /** As it was when it had come so far. */
  static resumed(message: EncodedMessage, surroundings: Surroundings, progress: Progress): Transit {
    return new Transit(new Origin(message, surroundings), progress);
  }

  get envelope(): Envelope {
    return this.progress.envelope;
  }

  get vars(): Readonly<Record<string, unknown>> {
    return this.progress.vars;
  }

  get data(): unknown {
    return this.rewritten ? this.progress.data : this.#origin.parse();
  }

  get tables(): Tables | undefined {
    return this.#origin.surroundings.tables;
  }

  /** Whether `data` is no longer that of the body. */
  get rewritten(): boolean {
    return this.progress.data !== undefined;
  }

  /** Parses the body now rather than on first use. @throws as `parseJson` */
  parse(): void {
    this.#origin.parse();
  }

  /** The message as it came. */
  get input(): EncodedMessage {
    return this.#origin.message;
  }

  with(change: RouteMessageChange): Transit {
    const { key } = change;
    const before = this.progress;
    const given = change.envelope ?? before.envelope;
    const rewrites = change.data !== undefined;
    return new Transit(this.#origin, {
      envelope: key === undefined ? given : { ...given, key },
      vars: change.vars ?? before.vars,
      data: rewrites ? change.data : before.data,
      keyFollows: key === undefined && (rewrites || before.keyFollows),
      trail: before.trail,
      notBeforeMs: change.notBeforeMs ?? before.notBeforeMs,
      again: change.again ?? before.again,
      turn: before.turn + (change.again === true ? 1 : 0),
      exit: change.exit?.id ?? before.exit,
      copies: change.copies === undefined ? before.copies : change.copies.map(({ id }) => id),
    });
  }

  /** Once it has waited. */
  due(): Transit {
    return new Transit(this.#origin, { ...this.progress, notBeforeMs: undefined });
  }

  /** The same message in another major of its type. Casts keep the key, so it does not follow the data. */
  upcast(cast: Cast): Transit {
    return new Transit(this.#origin, { ...this.progress, data: cast(this.data) });
  }

  /** The copies that were asked for, then the message itself, which asks for none any more. */
  apart(): readonly Transit[] {
    const { copies } = this.progress;
    if (copies.length === 0) return [this];
    const progress = { ...this.progress, copies: [] };
    const leaving = [...new Set(copies)].map(
      (exit) => new Transit(this.#origin, { ...progress, exit, notBeforeMs: undefined }),
    );
    return [...leaving, new Transit(this.#origin, progress)];
  }

  /** One of several that a step made of it. */
  branch(index: number): Transit {
    return new Transit(this.#origin, { ...this.progress, trail: `${this.progress.trail}.${String(index)}` });
  }
}

/** Of the message as it came. */
export function refOf({ input }: Transit): TypeRef {
  return typeRef(input.envelope.type, input.envelope.version);
}
