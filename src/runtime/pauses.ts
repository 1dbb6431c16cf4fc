import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Transport } from '../ports/transport.ts';
import type { CurrentPlan } from './current-plan.ts';
import { pausableEndpoint } from './pausable.ts';

export interface PausesParts {
  readonly current: CurrentPlan;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
}

/** Pauses and resumes endpoints for people, in all processes and over restarts. */
export class Pauses {
  readonly #parts: PausesParts;

  constructor(parts: PausesParts) {
    this.#parts = parts;
  }

  /** @returns the endpoint @throws WB_PAUSE_REFUSED, WB_PLAN_NOT_APPLIED */
  async pause(name: string, by: string, reason: string | undefined): Promise<string> {
    const { transport, clock, log } = this.#parts;
    const endpoint = await this.#endpoint(name);
    const at = new Date(clock.now()).toISOString();
    await transport.pause(endpoint, { at, by, ...(reason !== undefined && { reason }) });
    log.warn({ endpoint, by, reason }, 'the endpoint is paused');
    return endpoint;
  }

  /** @returns the endpoint, and whether it was paused @throws as `pause` */
  async resume(name: string, by: string): Promise<{ readonly endpoint: string; readonly was: boolean }> {
    const { transport, log } = this.#parts;
    const endpoint = await this.#endpoint(name);
    const manifest = await transport.manifest();
    const was = Object.hasOwn(manifest?.paused ?? {}, endpoint);
    if (!was) return { endpoint, was };
    await transport.pause(endpoint, undefined);
    log.warn({ endpoint, by }, 'the endpoint is resumed');
    return { endpoint, was };
  }

  async #endpoint(name: string): Promise<string> {
    const { transport, current } = this.#parts;
    const manifest = await transport.manifest();
    if (manifest === undefined) throw current.notApplied();
    return pausableEndpoint(name, manifest, current.plan);
  }
}
