import { type EncodedMessage, type TypeRef, typeRef } from '../../message.ts';
import type { Change, Journal } from './journal.ts';

interface Listener {
  readonly types: ReadonlySet<TypeRef> | undefined;
  readonly onMessage: (message: EncodedMessage) => void;
}

/** Shows those who watch the bus what is published, once it is durable. */
export class Taps implements Change {
  readonly #journal: Journal;
  readonly #listeners = new Set<Listener>();
  #waiting: EncodedMessage[] = [];
  #writing: EncodedMessage[] = [];

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get watched(): boolean {
    return this.#listeners.size > 0;
  }

  open(types: readonly TypeRef[] | 'all', onMessage: (message: EncodedMessage) => void): () => void {
    const listener = { types: types === 'all' ? undefined : new Set(types), onMessage };
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  show(message: EncodedMessage): void {
    if (this.#waiting.push(message) === 1) this.#journal.enlist(this);
  }

  write(): void {
    this.#writing = this.#waiting;
    this.#waiting = [];
  }

  written(): void {
    const messages = this.#writing;
    this.#writing = [];
    for (const message of messages) {
      const ref = typeRef(message.envelope.type, message.envelope.version);
      for (const { types, onMessage } of this.#listeners) if (types?.has(ref) !== false) onMessage(message);
    }
  }

  /** Forgets what will not become durable. */
  forget(): void {
    this.#waiting = [];
    this.#writing = [];
  }
}
