import { toError } from '../../errors.ts';

/** Where a call stands among those of its caller. */
export interface Turn {
  /** Larger than that of every earlier call. */
  readonly number: number;
  /** The number of the last call whose rejection the caller had heard of; 0 before any. */
  readonly heard: number;
}

/**
 * Keeps settlements in the order in which they were given also when one is refused: what was given after it, by somebody who
 * could not know yet, is refused too. Else the results of a key would overtake each other once the first is repeated.
 */
export class Refusals {
  #last = 0;
  #reason: Error | undefined;

  /** @param act throws what refuses the call */
  guard(turn: Turn, act: () => Promise<void>): Promise<void> {
    try {
      if (this.#reason !== undefined && turn.heard < this.#last) throw this.#reason;
      return act();
    } catch (thrown) {
      this.#last = turn.number;
      this.#reason = toError(thrown);
      return Promise.reject(this.#reason);
    }
  }
}
