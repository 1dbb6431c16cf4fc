import { toError } from '../errors.ts';
import { requirePlugins } from '../plan/lacking.ts';
import type { Plan } from '../plan/plan.ts';
import type { Log } from '../ports/log.ts';
import type { Manifest } from '../ports/topology.ts';
import type { Transport } from '../ports/transport.ts';
import type { CurrentPlan } from './current-plan.ts';
import type { HostedRouter } from './hosted-router.ts';
import type { Standings } from './standings.ts';

export interface FollowerParts {
  readonly current: CurrentPlan;
  readonly standings: Standings;
  readonly router: HostedRouter;
  readonly transport: Transport;
  readonly log: Log;
  /** Compiles the definition of a manifest, with the mediators of this process. */
  readonly planOf: (manifest: Manifest) => Promise<Plan>;
}

/**
 * Has a process go on with the plan that is applied, or say why it does not. Nothing else may change the plan meanwhile.
 *
 * | this process                                      | when another plan is applied                               |
 * |---------------------------------------------------|------------------------------------------------------------|
 * | runs the router, or took its plan from the bus    | goes on with it                                            |
 * | has its own files, and they are applied as a part | goes on with it: only what others own is different         |
 * | has its own files, and they differ                | goes on with its own, and says in what its services differ |
 * | cannot compile it: a newer Waybill applied it     | goes on with its own, and says so                          |
 * | runs the router, and lacks a plugin of it         | goes on with its own, and says so                          |
 */
export class Follower {
  readonly #parts: FollowerParts;
  #outdated: string | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** Why this process does not go on with the applied plan, although it should; undefined when it does. */
  get outdated(): string | undefined {
    return this.#outdated;
  }

  /** Another plan may be applied. */
  async changed(manifest: Manifest): Promise<void> {
    const { current, router } = this.#parts;
    if (manifest.edition === current.plan.edition) {
      this.settled();
      return;
    }
    const stays = current.source === 'configuration' && !router.runs && current.standing(manifest) !== 'same';
    if (stays) await this.compare();
    else await this.follow(manifest);
  }

  async follow(manifest: Manifest): Promise<void> {
    const { current, router, log, planOf } = this.#parts;
    if (manifest.edition !== current.plan.edition) {
      let plan: Plan;
      try {
        plan = await planOf(manifest);
        // The routes of the plan before go on: whoever applied this one has what it needs.
        if (router.runs) {
          requirePlugins(plan);
          await router.load(plan);
        }
      } catch (error) {
        this.#outdated = `edition ${manifest.edition} is applied, and cannot be read here: ${toError(error).message}`;
        throw error;
      }
      current.plan = plan;
      await router.update(plan);
      log.info({ edition: manifest.edition, by: manifest.appliedBy }, 'went on with the plan that was applied');
    }
    this.settled();
  }

  /** The own part is applied, and another one may have been since it was pulled: what was applied says what the whole is. */
  async catchUp(): Promise<void> {
    const manifest = await this.#parts.transport.manifest();
    if (manifest !== undefined) await this.follow(manifest);
  }

  /** Goes on with the own plan, and sees in what its services differ from the applied one. */
  async compare(): Promise<void> {
    const { transport, current, standings, log, planOf } = this.#parts;
    const manifest = await transport.manifest();
    if (manifest === undefined) return;
    log.warn(
      { applied: manifest.edition, own: current.plan.edition, by: manifest.appliedBy },
      'the configuration of this process is not the applied one, and it goes on with its own: run `waybill apply`, or update it',
    );
    standings.forget();
    const applied = await planOf(manifest).catch((error: unknown) => {
      log.warn({ err: toError(error) }, 'the applied plan cannot be read here, so it cannot be compared');
      return undefined;
    });
    standings.compare(applied);
  }

  /** What was compared holds no more: the plan of this process is the applied one. */
  settled(): void {
    this.#outdated = undefined;
    this.#parts.standings.compare(undefined);
  }
}
