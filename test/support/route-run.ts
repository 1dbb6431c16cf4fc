import type { EncodedMessage } from '../../src/message.ts';
import type { Plan, ProgramResult } from '../../src/plan/plan.ts';
import type { ServiceQuestion } from '../../src/ports/resources.ts';
import type { Outgoing } from '../../src/ports/transport.ts';
import { ProcessResources, type ResourceParts } from '../../src/runtime/resources.ts';
import { type RouteMemory, RouteRun as Run } from '../../src/runtime/route-run.ts';

/** What one message caused. */
export interface Handled {
  /** `oms {"id":"o1"}`, in order. What goes to the route itself is not among them. */
  readonly sent: readonly string[];
  /** `WB_CODE message` */
  readonly dead?: string;
  readonly result: ProgramResult;
}

export interface RouteRunOptions {
  /** See `ProgramWork.graceMs`. @default 0 */
  readonly graceMs?: number;
  readonly resources?: ResourceParts;
  /** What services answer; throws what the request fails with. @default none is asked */
  readonly answers?: (question: ServiceQuestion, asked: unknown) => unknown;
  /** Goes on with what another run of the route left behind. */
  readonly after?: RouteRun;
  /** Of what it left behind this is lost. */
  readonly without?: EncodedMessage;
}

/** An isolated route of a plan, run message by message, and all that left it as short texts. */
export class RouteRun {
  /** All that left the route, in order. */
  readonly sends: Outgoing[] = [];
  readonly dead: { readonly code: string; readonly error: string; readonly message: EncodedMessage }[] = [];
  /** What services were asked, in order. */
  readonly questions: ServiceQuestion[] = [];
  readonly #run: Run;

  constructor(plan: Plan, route = 'r', { after, without, graceMs = 0, resources, answers }: RouteRunOptions = {}) {
    const own = new ProcessResources(resources);
    this.#run = new Run({
      plan,
      endpoint: `route.${route}`,
      graceMs,
      resources: {
        keys: (ring) => own.keys(ring),
        ask: (source, question, signal) => own.ask(source, question, signal),
        request: async (question) => {
          this.questions.push(question);
          const data: unknown = JSON.parse(Buffer.from(question.message.body).toString());
          return answers === undefined ? own.request(question) : await answers(question, data);
        },
        breakers: () => own.breakers(),
        close: () => own.close(),
      },
      nowMs: after?.nowMs ?? Date.parse('2026-01-01T00:00:00Z'),
      ...(after !== undefined && {
        memory: after.stored,
        later: after.later.filter(({ message }) => message !== without),
      }),
    });
  }

  get nowMs(): number {
    return this.#run.nowMs;
  }

  set nowMs(ms: number) {
    this.#run.nowMs = ms;
  }

  /** How long steps waited in place, all together. @unit milliseconds */
  get pausedMs(): number {
    return this.#run.pausedMs;
  }

  get stored(): RouteMemory {
    return this.#run.memory;
  }

  /** Timers and messages that wait, the earliest first. */
  get later(): readonly Outgoing[] {
    return this.#run.later;
  }

  /** What the route holds for later, as milliseconds from now. */
  get waits(): readonly number[] {
    return this.later.map(({ dueAt = 0 }) => Math.max(0, dueAt - this.nowMs));
  }

  async take(message: EncodedMessage): Promise<Handled> {
    return this.#note(message, await this.#run.take(message));
  }

  /** As `take`, of a dead letter that a person sends again. */
  async redrive(message: EncodedMessage): Promise<Handled> {
    return this.#note(message, await this.#run.take(message, true));
  }

  /** Time goes on, and what comes due meanwhile is handled, one after the other. Resolves to what left the route, and who died. */
  async advance(ms: number): Promise<readonly string[]> {
    const came = await this.#run.advance(ms);
    return came.flatMap(({ message, result }) => {
      const { sent, dead } = this.#note(message, result);
      return dead === undefined ? sent : [...sent, `dead ${dead}`];
    });
  }

  #note(message: EncodedMessage, result: ProgramResult): Handled {
    this.sends.push(...result.sends);
    const [death] = result.deaths;
    if (death !== undefined) this.dead.push({ ...death, message });
    const dead = death === undefined ? {} : { dead: `${death.code} ${death.error}` };
    return { sent: result.sends.map(show), result, ...dead };
  }
}

function show({ to, message }: Outgoing): string {
  const where = typeof to === 'object' && 'endpoint' in to ? to.endpoint : 'bus';
  return `${where} ${Buffer.from(message.body).toString()}`;
}
