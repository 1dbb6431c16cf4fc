import type { Plan, ProgramWork } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Resources, ServiceQuestion } from '../ports/resources.ts';
import { NO_TRACING, type Tracing } from '../ports/tracing.ts';
import type { Transport } from '../ports/transport.ts';
import { Requests } from './requests.ts';

export interface RouteRequestsParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** What steps ask outside with. */
  readonly resources: Resources;
  /** @default nobody listens */
  readonly tracing?: Tracing;
}

/** Asks services of the bus on behalf of routes. */
export class RouteRequests {
  /** What the process has for steps, this included. */
  readonly resources: ProgramWork['resources'];
  readonly #requests: Requests;
  readonly #clock: Clock;

  constructor(plan: () => Plan, parts: RouteRequestsParts) {
    const { transport, clock, log, resources, tracing = NO_TRACING } = parts;
    const [sent, late] = [{ 'router.requests': 1 }, { 'router.late': 1 }];
    this.#clock = clock;
    this.#requests = new Requests({
      ...{ who: 'the router', by: 'router', plan, transport, clock, log, tracing, sent, late },
    });
    this.resources = {
      keys: (ring) => resources.keys(ring),
      ask: (source, question, signal) => resources.ask(source, question, signal),
      request: (question, signal) => this.#request(question, signal),
    };
  }

  /** What waits is rejected. */
  close(): Promise<void> {
    return this.#requests.close();
  }

  /** Straight to the endpoint of the service: the step that asks is the route. */
  async #request({ service, message, answer, timeoutMs }: ServiceQuestion, signal: AbortSignal): Promise<unknown> {
    // Rounded up: it must not expire before nobody waits any more.
    const expiryTime = new Date(Math.ceil(this.#clock.now() + timeoutMs)).toISOString();
    const asked = { ...message, envelope: { ...message.envelope, expiryTime } };
    const to = { endpoint: service };
    const parent = message.envelope;
    const { data } = await this.#requests.ask({ message: asked, to, answer, timeoutMs, signal, parent });
    return data;
  }
}
