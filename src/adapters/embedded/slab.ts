/** Writes into memory that is used again and again: what it returns is good until `reset`. */
export class Slab {
  #memory: Buffer;
  #used = 0;

  /** @param size of the first memory; more is taken when it is needed */
  constructor(size = 256 * 1024) {
    this.#memory = Buffer.allocUnsafeSlow(size);
  }

  /** Forgets everything that was written. */
  reset(): void {
    this.#used = 0;
  }

  /** A place for at most `size` bytes; `done` says how many were used. */
  take(size: number): Buffer {
    if (this.#used + size > this.#memory.length) {
      // What was handed out keeps the old memory alive until nobody needs it.
      this.#memory = Buffer.allocUnsafeSlow(Math.max(size, this.#memory.length));
      this.#used = 0;
    }
    return this.#memory.subarray(this.#used, this.#used + size);
  }

  done(size: number): void {
    this.#used += size;
  }
}
