/** How many messages of each key may be published by now, and whether every key has used that up. */
export class Quota {
  readonly #keys: number;
  readonly #onQuiet: () => void;
  readonly #waiting = new Set<() => void>();
  #allowed: number;
  #ended = false;

  /** @param onQuiet called each time when the last of the keys has used its quota */
  constructor(allowed: number, keys: number, onQuiet: () => void) {
    this.#allowed = allowed;
    this.#keys = keys;
    this.#onQuiet = onQuiet;
  }

  /** Lets everyone go on who is below it. Those above it wait on. */
  set(allowed: number): void {
    this.#allowed = allowed;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Waits while `used` are all that is allowed; resolves to how many more are, or to 0 when it is worth looking again. */
  async over(used: number): Promise<number> {
    if (used < this.#allowed) return this.#allowed - used;
    if (this.#ended) return 0;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      if (this.#waiting.size === this.#keys) this.#onQuiet();
    });
    return Math.max(0, this.#allowed - used);
  }

  /** Nobody waits any more. */
  end(): void {
    this.#ended = true;
    for (const wake of [...this.#waiting]) wake();
  }
}
