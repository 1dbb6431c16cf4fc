import { type Manifest, type Pause, pauseText } from '../ports/topology.ts';

/** What can be paused: a `Dispatcher` is one. */
export interface Pausable {
  pause(reason: string): void;
  resume(): void;
}

/** What people paused, as the transport has it for all processes. */
export class Control {
  #paused: Readonly<Record<string, Pause>> = {};
  readonly #listeners = new Set<() => void>();

  adopt(manifest: Manifest | undefined): void {
    this.#paused = manifest?.paused ?? {};
    for (const listener of [...this.#listeners]) listener();
  }

  /** Why an endpoint is paused; undefined when it is not. */
  reason(endpoint: string): string | undefined {
    const pause = Object.hasOwn(this.#paused, endpoint) ? this.#paused[endpoint] : undefined;
    return pause === undefined ? undefined : pauseText(pause);
  }

  /** Pauses what attends an endpoint, now and later, and resumes it. @returns ends that */
  lead(endpoint: string, pausable: Pausable): () => void {
    let held: string | undefined;
    const look = (): void => {
      const reason = this.reason(endpoint);
      if (reason === held) return;
      held = reason;
      if (reason === undefined) pausable.resume();
      else pausable.pause(reason);
    };
    look();
    this.#listeners.add(look);
    return () => {
      this.#listeners.delete(look);
    };
  }
}
