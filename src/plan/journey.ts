import { WaybillError } from '../errors.ts';
import { derivedId, type EncodedMessage, type TypeRef } from '../message.ts';
import type { Moment, StepTimer, StepWork } from '../ports/mediator.ts';
import { failureOf, type Linked, type Span } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import { failed, isPure, madeOf, runStep, transitOf } from './chain.ts';
import type { Continuation } from './continuation.ts';
import { deathOf } from './end.ts';
import { type Entry, leaveRoute } from './entry.ts';
import type { FlowStep } from './flow.ts';
import { Interrupt } from './interrupt.ts';
import { type Kept, keep, restore } from './kept.ts';
import type { ProgramWork } from './plan.ts';
import { comesEarlier, Postponed } from './postponed.ts';
import { makeQuestion } from './question.ts';
import { isStateful, letsGoOthers, type StatefulFlowStep, stateScope, toldApart, upToDate } from './stateful-step.ts';
import { refOf, type Surroundings, type Transit } from './transit.ts';

/** Whatever the clock says. @unit milliseconds since the Unix epoch */
const AT_ONCE = 0;
/** What waits in place holds up the messages of its key behind it: of a second each, one would get through a second. @unit milliseconds */
const LONGEST_IN_PLACE = 5;

export interface JourneyOptions {
  /** Of the one route whose journeys these are, by the type that it takes. */
  readonly entries: ReadonlyMap<TypeRef, Entry>;
  readonly surroundings: Surroundings;
  readonly work: ProgramWork;
  /** Of the route, where somebody listens. */
  readonly span?: Span;
}

/**
 * What one message, or one timer, sets going in an isolated route: steps that ask outside, steps that remember, and messages that wait
 * in the middle. Made anew for each attempt.
 *
 * Where a step that asks outside, or a wait, comes after one that remembers, the message goes on by a delivery of its own: what was
 * remembered is durable first, and neither computed again nor held up by what takes its time.
 *
 * | a step that remembers lets go         | one of them fails for good later in the route                       |
 * |---------------------------------------|---------------------------------------------------------------------|
 * | the message that came, or parts of it | all of the journey fails, and nothing is remembered                 |
 * | messages that it had kept as well     | that one alone; the others go on in their order, and the state stays |
 * | one message that it made of several   | all of the journey fails: what was gathered is kept whole           |
 *
 * Of one that fails alone all is taken back that it did after the step, and it waits there in a continuation of its own, which is sent
 * with the results of the others and settled in one transaction with the state. So it is in the state or on its way, never both and
 * never neither. Its delivery fails by itself, of what it failed of then and as what the message had come as: others have passed since,
 * so only a person has it tried again. Redriven, it goes on after the step. What may heal is thrown, whoever it befalls: the attempt is
 * made again as a whole, for a message that waited to heal would be overtaken by those behind it.
 */
export class Journey {
  /** Timers and messages that go on later. */
  readonly postponed: Postponed;
  /** What became of a message of which a step that remembers let nothing go on. */
  absorbed: 'merged' | 'duplicate' | 'filtered' | undefined;
  /** How many messages came to the end of the steps, or to a way out. */
  arrived = 0;
  /** What steps had kept and took out again. */
  readonly joined: Linked[] = [];
  readonly #options: JourneyOptions;
  /** Whether a step of this journey has seen its state. */
  #remembers = false;

  constructor(options: JourneyOptions) {
    this.#options = options;
    this.postponed = new Postponed(options.work);
  }

  /** Goes on from the step at `index`. @returns what leaves the route @throws WaybillError that names the step, Interrupt */
  async go(entry: Entry, message: Transit, index = 0): Promise<readonly Outgoing[]> {
    const step = entry.flow.steps[index];
    if (step === undefined || message.progress.exit !== undefined) {
      this.arrived += 1;
      return leaveRoute(entry, message);
    }
    if (this.#remembers && 'perform' in step.step) {
      this.postponed.after(index - 1, entry, message, this.#options.work.now());
      return [];
    }
    const made = await this.#make(step, entry, message);
    return letsGoOthers(step, made, [message]) ? this.#each(step, entry, made) : this.#onward(step, entry, made, index);
  }

  /** Hands a timer to the step that set it, and goes on with what that lets go. @throws WB_STEP_UNKNOWN, and as `go` */
  async fire(own: Entry, message: Transit, continuation: Continuation): Promise<readonly Outgoing[]> {
    const { step: id, key, timer, message: kept } = continuation;
    const index = indexOfStep(own, id);
    const step = own.flow.steps[index];
    if (timer === undefined || step === undefined || !isStateful(step)) throw stepGone(own.route, id);
    const carried = kept === undefined ? undefined : this.#restore(kept, id);
    const fired = carried === undefined ? timer : { ...timer, message: carried };
    const made = await this.#labelled(step, () => this.#advance(step, own, message, key, fired));
    const came = carried === undefined ? [message] : [message, carried];
    return letsGoOthers(step, made, came) ? this.#each(step, own, made) : this.#onward(step, own, made, index);
  }

  /** Goes on with a message that waited after a step. @throws WB_STATE_OUTDATED when the route is another one by now, and as `go` */
  async resume({ message: kept, step: id, again }: Continuation): Promise<readonly Outgoing[]> {
    if (again === true) {
      const message = this.#restore(kept, id);
      const entry = this.#entryOf(message);
      if (entry === undefined) throw new TypeError('a message was restored for a route that does not take it');
      return this.go(entry, message, indexOfStep(entry, id));
    }
    const { message, of } = restore(kept, this.#options.surroundings);
    const entry = this.#entryOf(message);
    const index = entry === undefined ? -1 : indexOfStep(entry, id);
    if (entry === undefined || index < 0 || typeAfter(entry, index) !== of) throw outdated(id, of);
    return this.go(entry, message, index + 1);
  }

  /** Waits for the rest of its time in place; what comes far too early is sent again, and `true`. */
  async early(continuation: Continuation, message: EncodedMessage, entry: Entry): Promise<boolean> {
    const { work } = this.#options;
    if (this.postponed.again(continuation, message, entry)) return true;
    const waitMs = continuation.atMs - work.now();
    if (waitMs > 0 && comesEarlier(continuation)) await work.pause(waitMs);
    return false;
  }

  async #onward(step: FlowStep, entry: Entry, made: readonly Transit[], index: number): Promise<readonly Outgoing[]> {
    const [only] = made;
    if (made.length === 1 && only !== undefined) return this.#next(step, entry, only, index);
    // One after the other where steps remember: those see the messages in order.
    if (this.#remembers || entry.flow.steps.slice(index + 1).some(isStateful)) {
      const sends: Outgoing[] = [];
      for (const each of made) sends.push(...(await this.#next(step, entry, each, index)));
      return sends;
    }
    return (await Promise.all(made.map((each) => this.#next(step, entry, each, index)))).flat();
  }

  /** As `#onward`, but what fails for good fails alone. */
  async #each(step: FlowStep, from: Entry, made: readonly Transit[]): Promise<readonly Outgoing[]> {
    const { states } = this.#options.work;
    const sends: Outgoing[] = [];
    for (const message of made) {
      const entry = this.#entryOf(message) ?? from;
      const at = indexOfStep(entry, step.id);
      const undo = [states.mark(), this.postponed.mark()];
      try {
        sends.push(...(await this.#next(step, entry, message, at)));
      } catch (thrown) {
        if (mayHeal(thrown)) throw thrown;
        for (const each of undo) each();
        this.postponed.failed(at, entry, message, deathOf(thrown, entry.route));
      }
    }
    return sends;
  }

  /** What a step lets go may have come earlier, as another type, and goes on in the flow of that. */
  async #next(step: FlowStep, from: Entry, message: Transit, index: number): Promise<readonly Outgoing[]> {
    const entry = this.#entryOf(message) ?? from;
    const at = entry === from ? index : indexOfStep(entry, step.id);
    const { work } = this.#options;
    const { notBeforeMs, again } = message.progress;
    if (again) {
      this.#comeAgain(step, entry, message);
      return [];
    }
    if (step.apart === true) {
      this.postponed.after(at, entry, message, AT_ONCE);
      return [];
    }
    if (notBeforeMs === undefined) return this.go(entry, message, at + 1);
    const waitMs = notBeforeMs - work.now();
    if (waitMs > 0 && (this.#remembers || waitMs > Math.min(work.graceMs, LONGEST_IN_PLACE))) {
      this.postponed.after(at, entry, message, notBeforeMs);
      return [];
    }
    if (waitMs > 0) await work.pause(waitMs);
    return this.go(entry, message.due(), at + 1);
  }

  #comeAgain({ id }: FlowStep, entry: Entry, message: Transit): void {
    const kept = this.#keep(message, entry, id);
    const atMs = this.#options.work.now();
    this.postponed.message(entry, message, {
      step: id,
      take: refOf(message),
      key: '',
      message: kept,
      again: true,
      atMs,
    });
  }

  #make(step: FlowStep, entry: Entry, message: Transit): Promise<readonly Transit[]> {
    if (isPure(step)) return Promise.resolve(runStep(step, message, this.#options.span));
    return this.#labelled(step, async () => {
      if (isStateful(step)) {
        const key = step.step.key?.(message) ?? message.envelope.key ?? message.envelope.id;
        return this.#advance(step, entry, message, key, undefined);
      }
      return 'perform' in step.step
        ? madeOf(await step.step.perform(message, this.#workOf(step, entry, message)))
        : [message];
    });
  }

  #workOf({ id }: FlowStep, entry: Entry, message: Transit): StepWork {
    const { work } = this.#options;
    const { route } = entry;
    return {
      request: async (question) =>
        work.resources.request(makeQuestion(question, { entry, message, step: id }), work.signal),
      signal: work.signal,
      attempt: work.attempt,
      id: derivedId(message.input.envelope, `${route}${message.progress.trail}/${id}`, 0),
      resources: work.resources,
      now: () => work.now(),
      pause: (ms) => work.pause(ms),
    };
  }

  async #advance(
    { step, id, form }: StatefulFlowStep,
    entry: Entry,
    message: Transit,
    key: string,
    timer: StepTimer | undefined,
  ): Promise<readonly Transit[]> {
    const { states } = this.#options.work;
    const ref = { scope: form.shared === undefined ? stateScope(entry.route, id) : `shared.${form.shared}`, key };
    const held = await states.read(ref);
    this.#remembers = true;
    const state = held === undefined ? undefined : upToDate(held, form, id);
    const next = step.advance(state, message, this.#moment(entry, id, timer));
    if (next.unchanged !== true) {
      const made = next.state === undefined ? undefined : { form: form.version, state: next.state };
      states.write(ref, made, next.forgetAtMs);
    }
    // A timer's own message carries nothing, so it cannot say in whose flow the step stands.
    const take = timer === undefined ? refOf(message) : entry.origin.ref;
    for (const { message: carried, ...each } of next.timers ?? []) {
      const cause = carried === undefined ? message : transitOf(carried);
      const continuation = { step: id, take, key, timer: each, atMs: each.atMs };
      if (carried === undefined) this.postponed.timer(entry, cause, continuation);
      else this.postponed.message(entry, cause, { ...continuation, message: this.#keep(cause, entry, id) });
    }
    if (next.emits.length === 0) this.absorbed ??= next.outcome ?? (timer === undefined ? 'merged' : undefined);
    const emits = next.emits.map(transitOf);
    if (timer !== undefined && emits.some((each) => each.input === message.input && !each.rewritten)) {
      throw new WaybillError('WB_STEP_FAILED', 'it let the timer itself go on, which has no data');
    }
    return toldApart(emits).flatMap((each) => each.apart());
  }

  #moment(entry: Entry, id: string, timer: StepTimer | undefined): Moment {
    const now = this.#options.work.now();
    return {
      nowMs: timer === undefined ? now : Math.max(now, timer.atMs),
      ...(timer !== undefined && { timer }),
      keep: (message) => this.#keep(transitOf(message), entry, id),
      restore: (kept) => this.#restore(kept, id),
    };
  }

  /** In front of the step of this id. */
  #keep(message: Transit, from: Entry, id: string): Kept {
    const entry = this.#entryOf(message) ?? from;
    return keep(message, stepOf(entry, id)?.type ?? entry.flow.end.ref);
  }

  #restore(kept: unknown, id: string): Transit {
    const { message, of } = restore(kept, this.#options.surroundings);
    const entry = this.#entryOf(message);
    if (entry === undefined || stepOf(entry, id)?.type !== of) throw outdated(id, of);
    if (this.#options.span?.recording === true) this.joined.push(message.input.envelope);
    return message;
  }

  /** Says which step it is, in the trace and in the error. */
  async #labelled({ label }: FlowStep, run: () => Promise<readonly Transit[]>): Promise<readonly Transit[]> {
    const { span } = this.#options;
    const own = span?.recording === true ? span.step(label) : undefined;
    try {
      const made = await (own === undefined ? run() : own.within(run));
      own?.end();
      return made;
    } catch (thrown) {
      own?.end(thrown instanceof Interrupt ? undefined : failureOf(thrown));
      throw failed(label, thrown);
    }
  }

  #entryOf(message: Transit): Entry | undefined {
    return this.#options.entries.get(refOf(message));
  }
}

/** What is to be tried again as a whole, and what is no failure of the route. */
export function mayHeal(thrown: unknown): boolean {
  return thrown instanceof Interrupt || (thrown instanceof WaybillError && thrown.retryable);
}

/** The step of an id; -1 when there is none. */
function indexOfStep(entry: Entry, id: string): number {
  return entry.flow.steps.findIndex((step) => step.id === id);
}

function stepGone(route: string, id: string): WaybillError {
  return new WaybillError('WB_STEP_UNKNOWN', `the route ${route} has no step ${id} any more, for which this waits`, {
    fix: 'Bring the step back and redrive, or discard this.',
  });
}

function stepOf(entry: Entry, id: string): FlowStep | undefined {
  return entry.flow.steps.find((step) => step.id === id);
}

/** The contract of the data once the step at `index` has run. */
function typeAfter({ flow }: Entry, index: number): TypeRef {
  return flow.steps[index + 1]?.type ?? flow.end.ref;
}

function outdated(id: string, of: TypeRef): WaybillError {
  return new WaybillError(
    'WB_STATE_OUTDATED',
    `${id} kept a message as ${of}, and the route has another type there by now`,
    { fix: 'Bring the earlier form of the route back until what it kept is used up, or discard the state.' },
  );
}
