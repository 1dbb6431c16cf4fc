/**
 * Which AMQP messages of a channel were acknowledged, for as long as the broker may lose that: when it is killed before it has
 * written it down, or the line breaks, they come again. One with delivery tag n says that the broker has taken n - `prefetch`
 * acknowledgements, since it leaves at most `prefetch` messages of a consumer without one.
 */
export class RecentAcks {
  readonly #prefetch: number;
  /** In the order of their acknowledgement, without the first `#dropped`; undefined of what has no id. */
  #ids: (string | undefined)[] = [];
  #dropped = 0;
  #latest = 0;

  /** @param prefetch of the channel, in AMQP messages */
  constructor(prefetch: number) {
    this.#prefetch = prefetch;
  }

  /** A message has come. */
  arrived(deliveryTag: number): void {
    this.#latest = deliveryTag;
    if (this.#ids.length > 2 * this.#prefetch) this.#ids = this.#ids.slice(this.#drop());
  }

  /** Called in the order in which the acknowledgements are sent. */
  add(id: string | undefined): void {
    this.#ids.push(id);
  }

  /** Of those that may come again. */
  pending(): readonly string[] {
    return this.#ids.slice(this.#taken).filter((id) => id !== undefined);
  }

  /** Ids that are kept. At most three times the prefetch. */
  get size(): number {
    return this.#ids.length;
  }

  get #taken(): number {
    return Math.max(0, this.#latest - this.#prefetch - this.#dropped);
  }

  #drop(): number {
    const taken = this.#taken;
    this.#dropped += taken;
    return taken;
  }
}
