/** AMQP messages that may be under way whatever they take. */
const LEAST = 16;
const MOST = 256;
/** AMQP messages that should wait in the broker: with fewer it might run dry, with more they would be better off here. */
const QUEUED_LEAST = 8;
const QUEUED_MOST = 12;

/**
 * How many AMQP messages may be under way, so that what comes meanwhile makes larger batches. The broker's work is by AMQP
 * message, so under load fewer and larger ones carry more. Nothing waits as long as few are under way.
 *
 * A confirm that takes no longer than the fastest one says that the time goes by on the network, and more may be under way;
 * the rest of the time of a slower one was spent in the broker's queue (as TCP Vegas finds its window).
 */
export class Pace {
  #limit = LEAST;
  #fastestMs = Number.POSITIVE_INFINITY;

  get limit(): number {
    return this.#limit;
  }

  /** @param underWay when it was sent, itself included */
  confirmed(tookMs: number, underWay: number): void {
    this.#fastestMs = Math.min(this.#fastestMs, tookMs);
    // Fewer were sent than could have been, so nothing is learnt about the limit.
    if (underWay < Math.floor(this.#limit) || tookMs <= 0) return;
    const queued = underWay * (1 - this.#fastestMs / tookMs);
    if (queued < QUEUED_LEAST) this.#limit = Math.min(MOST, this.#limit + 1 / this.#limit);
    else if (queued > QUEUED_MOST) this.#limit = Math.max(LEAST, this.#limit - 1 / this.#limit);
  }
}
