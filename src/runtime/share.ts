/** Halvings of the share: beyond them next to nothing is taken. */
const MOST_HALVINGS = 16;

/**
 * Takes part of many, chosen by the conversation: all while there are few, a half, a quarter and so on as they become too many. Whoever
 * takes a larger share takes all that others take too, so that what several processes take of one conversation is whole more often than
 * not.
 */
export class Share {
  readonly #most: number;
  readonly #elapsed: () => number;
  #halvings = 0;
  #taken = 0;
  #secondMs = Number.NEGATIVE_INFINITY;

  /**
   * @param most how many are taken in a second before the share is halved, and half as many before it is again
   * @param elapsed of a clock. @unit milliseconds
   */
  constructor(most: number, elapsed: () => number) {
    this.#most = most;
    this.#elapsed = elapsed;
  }

  takes(conversation: string): boolean {
    const now = this.#elapsed();
    if (now - this.#secondMs >= 1_000) this.#turn(now);
    if (this.#halvings > 0 && hashOf(conversation) >= 2 ** (32 - this.#halvings)) return false;
    this.#taken += 1;
    if (this.#taken > this.#most) {
      this.#halvings = Math.min(MOST_HALVINGS, this.#halvings + 1);
      this.#taken = Math.ceil(this.#most / 2);
    }
    return true;
  }

  /** A second begins. */
  #turn(now: number): void {
    if (this.#halvings > 0) {
      const idle = Math.floor((now - this.#secondMs) / 1_000) - 1;
      const fewer = this.#taken < this.#most / 4 ? 1 : 0;
      this.#halvings = Math.max(0, this.#halvings - fewer - idle);
    }
    this.#secondMs = now;
    this.#taken = 0;
  }
}

/** FNV-1a, 32 bits, whose upper bits decide: ids of all kinds spread well. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // The last characters would else hardly reach the upper bits.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
