/** Who comes first goes first, one at a time for each name. */
export class Turns {
  /** Resolves when the last in the row of a name is over. */
  readonly #ends = new Map<string, Promise<void>>();

  /** Resolves, when those before are over, to what ends the turn. */
  take(name: string): Promise<() => void> {
    const before = this.#ends.get(name);
    let release = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      release = resolve;
    });
    const end = (): void => {
      if (this.#ends.get(name) === over) this.#ends.delete(name);
      release();
    };
    this.#ends.set(name, over);
    return before === undefined ? Promise.resolve(end) : before.then(() => end);
  }
}
