import { inspect } from 'node:util';

/** Holds what must not be seen: printing, logging or serialising it shows `***`. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself, for the one who needs it to connect. Never log it. */
  reveal(): T {
    return this.#value;
  }

  toJSON(): string {
    return '***';
  }

  toString(): string {
    return '***';
  }

  [inspect.custom](): string {
    return '***';
  }
}
