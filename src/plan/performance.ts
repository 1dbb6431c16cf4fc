import { WaybillError } from '../errors.ts';
import { type EncodedMessage, typeRef } from '../message.ts';
import { failureOf, type Span } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import { CONTINUATION, readContinuation } from './continuation.ts';
import { conclude, deathOf, type End, endOf, type Made } from './end.ts';
import { Interrupt } from './interrupt.ts';
import { Journey, mayHeal } from './journey.ts';
import type { ProgramResult, ProgramWork } from './plan.ts';
import { routesOf, type Taking, UNKNOWN } from './taking.ts';
import { tracked } from './tracked.ts';
import { Transit } from './transit.ts';

/** One attempt at an isolated route. */
export class Performance {
  readonly #taking: Taking;
  readonly #work: ProgramWork;

  constructor(taking: Taking, work: ProgramWork) {
    this.#taking = taking;
    this.#work = work;
  }

  async perform(message: EncodedMessage): Promise<ProgramResult> {
    const ref = typeRef(message.envelope.type, message.envelope.version);
    if (ref === CONTINUATION) return this.#continue(message);
    const taken = this.#taking.take(message, undefined);
    if (!('transit' in taken)) return taken;
    if (taken.matches.length === 0) this.#work.tracing?.filtered(routesOf(taken), message);
    const ends: End[] = [];
    for (const match of taken.matches) {
      const { made, span } = await this.#attempt(match.entry.route, message, async (journey) => {
        if (match.message === undefined) throw match.thrown;
        return journey.go(match.entry, match.message);
      });
      ends.push(this.#tracked(endOf(match.entry, taken.transit, made), message, span));
    }
    return conclude(ends, taken.counts);
  }

  /** A timer, or a message that waited. */
  async #continue(message: EncodedMessage): Promise<ProgramResult> {
    const { entry, transit } = this.#taking.failing(message);
    if (entry === undefined) return UNKNOWN;
    const continuation = readContinuation(message);
    const { made, span } = await this.#attempt(entry.route, message, async (journey) => {
      if (await journey.early(continuation, message, entry)) return [];
      const { failed, timer: set } = continuation;
      if (failed !== undefined && this.#work.redriven !== true) throw new WaybillError(failed.code, failed.error);
      if (set === undefined) return journey.resume(continuation);
      const own = this.#taking.entries.get(continuation.take) ?? entry;
      const timer = Transit.of(message, this.#taking.surroundings);
      return journey.fire(own, timer, continuation);
    });
    const end = this.#tracked(endOf(entry, transit, made), message, span);
    // A timer with nothing to do has done its work.
    const idle =
      continuation.timer !== undefined && !('death' in made) && made.sends.length === 0 && made.absorbed === undefined;
    return idle ? { ...conclude([{ ...end, counts: [] }], []), filtered: false } : conclude([end], []);
  }

  /** All of a route's results or none. What may heal, and what is no failure of the route, is thrown. */
  async #attempt(
    route: string,
    message: EncodedMessage,
    run: (journey: Journey) => Promise<readonly Outgoing[]>,
  ): Promise<{ readonly made: Made; readonly span: Span | undefined }> {
    const { entries, surroundings } = this.#taking;
    const forget = this.#work.states.mark();
    const span = this.#work.tracing?.route(route, message);
    const journey = new Journey({ entries, surroundings, work: this.#work, ...(span && { span }) });
    try {
      const sends = await (span === undefined ? run(journey) : span.within(() => run(journey)));
      span?.link(journey.joined);
      const { postponed, arrived } = journey;
      const { sends: later, messages: waiting } = postponed;
      const absorbed = arrived === 0 && waiting === 0 ? journey.absorbed : undefined;
      return { made: { sends, later, waiting, absorbed }, span };
    } catch (thrown) {
      if (mayHeal(thrown)) {
        span?.end(thrown instanceof Interrupt ? undefined : failureOf(thrown));
        throw thrown;
      }
      forget();
      span?.link(journey.joined);
      return { made: { death: deathOf(thrown, route) }, span };
    }
  }

  #tracked(end: End, message: EncodedMessage, span: Span | undefined): End {
    const { tracing } = this.#work;
    return span === undefined || tracing === undefined ? end : tracked(end, message, span, tracing);
  }
}
