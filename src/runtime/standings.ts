import type { WaybillError } from '../errors.ts';
import type { TypeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Log } from '../ports/log.ts';
import type { CurrentPlan } from './current-plan.ts';
import { type Standing, standingOf } from './standing.ts';

/** How the services of this process stand to the applied plan, where the process goes on with another one. */
export class Standings {
  readonly #current: CurrentPlan;
  readonly #log: Log;
  readonly #standings = new Map<string, Standing | undefined>();
  #applied: Plan | undefined;

  constructor(current: CurrentPlan, log: Log) {
    this.#current = current;
    this.#log = log;
  }

  /** Watches a service, and says in the log how it stands. */
  watch(service: string): void {
    this.#standings.set(service, undefined);
    this.#judge(service);
  }

  /** Why the applied plan does not take what a service publishes; undefined when it does, or is the one of this process. */
  refusal(service: string, type: TypeRef, data: unknown): WaybillError | undefined {
    return this.#standings.get(service)?.refuse(type, data);
  }

  /** @param applied the plan that this process does not go by; undefined when it does, or cannot read it */
  compare(applied: Plan | undefined): void {
    this.#applied = applied;
    for (const service of this.#standings.keys()) this.#judge(service);
  }

  /** What was compared holds no more; nothing is said before the next comparison. */
  forget(): void {
    this.#applied = undefined;
  }

  #judge(service: string): void {
    if (this.#applied === undefined) {
      this.#standings.set(service, undefined);
      return;
    }
    const standing = standingOf(service, this.#current.plan, this.#applied);
    this.#standings.set(service, standing);
    const { breaks, differs } = standing;
    if (breaks.length > 0)
      this.#log.error({ service, breaks }, 'the service is behind the applied plan, and this will fail');
    else if (differs.length > 0) this.#log.warn({ service, differs }, 'the service differs from the applied plan');
  }
}
