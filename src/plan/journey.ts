import { WaybillError } from '../errors.ts';
import { derivedId, type EncodedMessage, type TypeRef, typeRef } from '../message.ts';
import { LONGEST_DELAY } from '../ports/delay.ts';
import type { Moment, StateForm, StatefulStep, StepTimer, StepWork, Transition } from '../ports/mediator.ts';
import { failureOf, type Linked, type Span } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import { failed, isPure, madeOf, runStep, transitOf } from './chain.ts';
import { type Continuation, continueAgain, continueLater, makerOf } from './continuation.ts';
import type { Entry } from './entry.ts';
import type { FlowStep } from './flow.ts';
import { Interrupt } from './interrupt.ts';
import { type Kept, keep, restore } from './kept.ts';
import type { ProgramWork } from './plan.ts';
import { makeQuestion } from './question.ts';
import type { Surroundings, Transit } from './transit.ts';

/** Whatever the clock says. @unit milliseconds since the Unix epoch */
const AT_ONCE = 0;

/** A message that has come to the end of the steps, or to a way out, and the flow it came through. */
export interface Arrived {
  readonly entry: Entry;
  readonly message: Transit;
}

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
 */
export class Journey {
  /** Timers and waiting messages, to the route's own endpoint. */
  readonly later: Outgoing[] = [];
  /** What became of a message of which a step that remembers let nothing go on. */
  absorbed: 'merged' | 'duplicate' | 'filtered' | undefined;
  /** Messages that go on later. */
  waiting = 0;
  /** What steps had kept and took out again. */
  readonly joined: Linked[] = [];
  readonly #options: JourneyOptions;
  /** Whether a step of this journey has seen its state. */
  #remembers = false;
  /** How many continuations each maker has made. */
  readonly #made = new Map<string, number>();

  constructor(options: JourneyOptions) {
    this.#options = options;
  }

  /** Goes on from the step at `index`. @throws WaybillError that names the step, Interrupt */
  async go(entry: Entry, message: Transit, index = 0): Promise<readonly Arrived[]> {
    const step = entry.flow.steps[index];
    if (step === undefined || message.progress.exit !== undefined) return [{ entry, message }];
    if (this.#remembers && 'perform' in step.step) {
      this.#waitAfter(index - 1, entry, message, this.#options.work.now());
      return [];
    }
    return this.#onward(step, entry, await this.#make(step, entry, message), index);
  }

  /** Hands a timer to the step that set it, and goes on with what that lets go. @throws WB_STEP_UNKNOWN, and as `go` */
  async fire(own: Entry, message: Transit, continuation: Continuation): Promise<readonly Arrived[]> {
    const { step: id, key, timer, message: kept } = continuation;
    const index = indexOfStep(own, id);
    const step = own.flow.steps[index];
    if (timer === undefined || step === undefined || !isStateful(step)) throw stepGone(own.route, id);
    const fired = kept === undefined ? timer : { ...timer, message: this.#restore(kept, id) };
    const made = await this.#labelled(step, () => this.#advance(step, own, message, key, fired));
    return this.#onward(step, own, made, index);
  }

  /** Goes on with a message that waited after a step. @throws WB_STATE_OUTDATED when the route is another one by now, and as `go` */
  async resume({ message: kept, step: id, again }: Continuation): Promise<readonly Arrived[]> {
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
    const waitMs = continuation.atMs - work.now();
    if (waitMs > work.graceMs) {
      this.later.push(continueAgain(message, entry.own, this.#dueAt(continuation)));
      this.waiting += 1;
      return true;
    }
    if (waitMs > 0 && comesEarlier(continuation)) await work.pause(waitMs);
    return false;
  }

  async #onward(step: FlowStep, entry: Entry, made: readonly Transit[], index: number): Promise<readonly Arrived[]> {
    const [only] = made;
    if (made.length === 1 && only !== undefined) return this.#next(step, entry, only, index);
    // One after the other where steps remember: those see the messages in order.
    if (this.#remembers || entry.flow.steps.slice(index + 1).some(isStateful)) {
      const arrived: Arrived[] = [];
      for (const each of made) arrived.push(...(await this.#next(step, entry, each, index)));
      return arrived;
    }
    return (await Promise.all(made.map((each) => this.#next(step, entry, each, index)))).flat();
  }

  /** What a step lets go may have come earlier, as another type, and goes on in the flow of that. */
  async #next(step: FlowStep, from: Entry, message: Transit, index: number): Promise<readonly Arrived[]> {
    const entry = this.#entryOf(message) ?? from;
    const at = entry === from ? index : indexOfStep(entry, step.id);
    const { work } = this.#options;
    const { notBeforeMs, again } = message.progress;
    if (again) {
      this.#comeAgain(step, entry, message);
      return [];
    }
    if (step.apart === true) {
      this.#waitAfter(at, entry, message, AT_ONCE);
      return [];
    }
    if (notBeforeMs === undefined) return this.go(entry, message, at + 1);
    const waitMs = notBeforeMs - work.now();
    if (waitMs > 0 && (this.#remembers || waitMs > work.graceMs)) {
      this.#waitAfter(at, entry, message, notBeforeMs);
      return [];
    }
    if (waitMs > 0) await work.pause(waitMs);
    return this.go(entry, message.due(), at + 1);
  }

  /** The message goes on later, by a delivery of its own. */
  #waitAfter(index: number, entry: Entry, message: Transit, atMs: number): void {
    const kept = keep(message, typeAfter(entry, index));
    this.waiting += 1;
    this.#later(entry, message, {
      step: entry.flow.steps[index]?.id ?? '',
      take: refOf(message),
      key: '',
      message: kept,
      atMs,
    });
  }

  #comeAgain({ id }: FlowStep, entry: Entry, message: Transit): void {
    const kept = this.#keep(message, entry, id);
    const atMs = this.#options.work.now();
    this.waiting += 1;
    this.#later(entry, message, { step: id, take: refOf(message), key: '', message: kept, again: true, atMs });
  }

  #later(entry: Entry, cause: Transit, continuation: Continuation): void {
    const { route, style, own } = entry;
    const maker = `${cause.input.envelope.source}\0${cause.input.envelope.id}\0${makerOf(cause, continuation, route)}`;
    const ordinal = this.#made.get(maker) ?? 0;
    this.#made.set(maker, ordinal + 1);
    const dueAt = this.#dueAt(continuation);
    this.later.push(continueLater(cause, continuation, { route, source: style.source, to: own, ordinal, dueAt }));
  }

  #dueAt(continuation: Continuation): number {
    const { work } = this.#options;
    const wanted = continuation.atMs - (comesEarlier(continuation) ? work.graceMs : 0);
    return Math.min(wanted, work.now() + LONGEST_DELAY);
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
      const kept = carried === undefined ? {} : { message: this.#keep(cause, entry, id) };
      this.#later(entry, cause, { step: id, take, key, timer: each, ...kept, atMs: each.atMs });
    }
    this.#tell(next, timer);
    const emits = next.emits.map(transitOf);
    if (timer !== undefined && emits.some((each) => each.input === message.input && !each.rewritten)) {
      throw new WaybillError('WB_STEP_FAILED', 'it let the timer itself go on, which has no data');
    }
    return toldApart(emits).flatMap((each) => each.apart());
  }

  #tell({ emits, timers = [], outcome }: Transition, timer: StepTimer | undefined): void {
    this.waiting += timers.filter(({ message }) => message !== undefined).length;
    if (emits.length === 0 && timer === undefined) this.absorbed ??= outcome ?? 'merged';
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

type StatefulFlowStep = FlowStep & { readonly step: StatefulStep; readonly form: StateForm };

function isStateful(step: FlowStep): step is StatefulFlowStep {
  return 'advance' in step.step;
}

/** Whether the last of its time is waited for in place, so that it is exact. */
function comesEarlier({ timer }: Continuation): boolean {
  return timer === undefined || timer.precise === true;
}

/** Where a step keeps its states. */
function stateScope(route: string, step: string): string {
  return `route.${route}/${step}`;
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

function refOf({ input }: Transit): TypeRef {
  return typeRef(input.envelope.type, input.envelope.version);
}

/** The contract of the data once the step at `index` has run. */
function typeAfter({ flow }: Entry, index: number): TypeRef {
  return flow.steps[index + 1]?.type ?? flow.end.ref;
}

/** Messages made of one input are told apart; one that was kept has an identity of its own. */
function toldApart(emits: readonly Transit[]): readonly Transit[] {
  return emits.map((each, index) =>
    emits.some((other) => other !== each && other.input === each.input) ? each.branch(index) : each,
  );
}

function upToDate(held: { readonly form: number; readonly state: unknown }, form: StateForm, id: string): unknown {
  if (held.form === form.version) return held.state;
  const migrated = held.form < form.version ? form.migrate?.(held.state, held.form) : undefined;
  if (migrated !== undefined) return migrated;
  throw new WaybillError(
    'WB_STATE_OUTDATED',
    `the state of ${id} was written in form ${String(held.form)}, and this Waybill reads form ${String(form.version)}`,
    { fix: 'Run the version of Waybill that wrote it until the state is used up, or discard the state.' },
  );
}

function outdated(id: string, of: TypeRef): WaybillError {
  return new WaybillError(
    'WB_STATE_OUTDATED',
    `${id} kept a message as ${of}, and the route has another type there by now`,
    { fix: 'Bring the earlier form of the route back until what it kept is used up, or discard the state.' },
  );
}
