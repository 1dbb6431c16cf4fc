import { toError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import { type EndpointLayout, type Generation, newestOf } from './layout.ts';
import type { Names } from './names.ts';
import { CHECK_EVERY, CHECKS, look } from './prune.ts';
import type { ChannelSource } from './stream.ts';
import { generationQueues } from './topology.ts';

export interface GenerationsDeps {
  readonly names: Names;
  readonly source: ChannelSource;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a message may be on its way through the broker. @unit milliseconds */
  readonly settleMs: number;
  /** Messages of this process that are not settled, at all queues it attends of the endpoint. */
  readonly inHand: () => number;
  /** Attends the queues of this generation and no other; undefined: of none. Resolves when the others are given back. */
  readonly attend: (generation: Generation | undefined) => Promise<void>;
}

/**
 * Which generation of an endpoint's queues this process attends: the oldest that is not drained, so that a key's earlier
 * messages end before its later ones begin.
 *
 * | the generation                                    | then                                                        |
 * |---------------------------------------------------|-------------------------------------------------------------|
 * | is the last one                                   | attended                                                    |
 * | is older, and the change to the next not finished | attended                                                    |
 * | is older, and something waits or is in hand       | attended                                                    |
 * | is older, empty for `CHECKS` looks                | given back; attended again when something waits in it       |
 * | is older, empty, and nobody consumes it any more  | drained: the next one's turn                                |
 *
 * Each process judges for itself, by the same sight that `apply` deletes by: so one that starts while nobody runs `apply` goes
 * on as well.
 */
export class Generations {
  readonly #deps: GenerationsDeps;
  readonly #stop = new AbortController();
  #layout: EndpointLayout;
  /** Numbers of generations that were found drained. */
  readonly #drained = new Set<number>();
  #attended: Generation | undefined;
  #watching = false;

  constructor(layout: EndpointLayout, deps: GenerationsDeps) {
    this.#layout = layout;
    this.#deps = deps;
    this.#attended = layout.generations[0];
  }

  /** The one to attend now; undefined while one is given back to see whether others still have something of it. */
  get attended(): Generation | undefined {
    return this.#attended;
  }

  /** Whether another generation comes after the attended one. */
  get hasNext(): boolean {
    return this.#attended?.number !== newestOf(this.#layout).number;
  }

  /** Takes a newer layout of the endpoint, and goes on from where it is. */
  update(layout: EndpointLayout): void {
    this.#layout = layout;
    this.start();
  }

  start(): void {
    if (this.#stop.signal.aborted || this.#watching || this.#settled()) return;
    this.#watching = true;
    this.#watch()
      .catch((error: unknown) => {
        this.#deps.log.error({ error: toError(error).message }, 'the queues of an endpoint cannot be followed');
      })
      .finally(() => {
        this.#watching = false;
      });
  }

  /** Goes on to no other generation. */
  stop(): void {
    this.#stop.abort();
  }

  /** Attends the last generation, and nothing of the others is left. */
  #settled(): boolean {
    return !this.hasNext && this.#layout.generations.length === 1;
  }

  async #watch(): Promise<void> {
    const { clock, log, settleMs } = this.#deps;
    const { signal } = this.#stop;
    let since = clock.elapsed();
    let seen = this.#layout;
    let empty = 0;
    let alone = 0;
    while (!signal.aborted) {
      if (seen !== this.#layout) {
        // What was published just before the change may still be on its way to an old queue.
        seen = this.#layout;
        since = clock.elapsed();
      }
      const current = this.#turn();
      if (current === newestOf(this.#layout)) {
        await this.#go(current);
        if (this.#settled()) return;
      } else if (this.#layout.switching === true || clock.elapsed() - since < settleMs) {
        await this.#go(current);
        empty = 0;
      } else {
        try {
          const { ready, consumers } = await this.#look(current);
          const idle = ready === 0 && this.#deps.inHand() === 0;
          empty = idle ? empty + 1 : 0;
          alone = idle && consumers === 0 ? alone + 1 : 0;
          if (!idle) await this.#go(current);
          else if (alone >= CHECKS) {
            this.#drained.add(current.number);
            alone = 0;
            empty = 0;
            continue;
          } else if (empty >= CHECKS) await this.#go(undefined);
        } catch (error) {
          empty = 0;
          alone = 0;
          log.debug({ error: toError(error).message }, 'an old generation cannot be looked at for the moment');
        }
      }
      await pause(clock, CHECK_EVERY, signal);
    }
  }

  /** The oldest generation that is not drained. */
  #turn(): Generation {
    return this.#layout.generations.find(({ number }) => !this.#drained.has(number)) ?? newestOf(this.#layout);
  }

  async #go(generation: Generation | undefined): Promise<void> {
    if (
      this.#attended?.number === generation?.number &&
      (generation === undefined) === (this.#attended === undefined)
    ) {
      // The same queues, of a newer layout.
      this.#attended = generation;
      return;
    }
    this.#attended = generation;
    await this.#deps.attend(generation);
  }

  #look(generation: Generation): Promise<{ ready: number; consumers: number }> {
    const { names, source } = this.#deps;
    const queues = generationQueues(names, this.#layout.spec.name, generation).map(({ name }) => name);
    return look(queues, source);
  }
}
