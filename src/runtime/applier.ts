import { MAIN_PART } from '../config/definition.ts';
import { WaybillError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { ApplyResult, Transport } from '../ports/transport.ts';
import type { CurrentPlan } from './current-plan.ts';
import type { Follower } from './follower.ts';
import type { HostedRouter } from './hosted-router.ts';
import { type OwnPart, ownOf } from './own-part.ts';
import { type Proposal, proposalOf } from './proposal.ts';

export interface ApplyPartOptions {
  /** A part of the bus that goes: another one, whose place the own part takes, or the own one itself. */
  readonly remove?: string;
  /** Called with each proposal before it is applied; again when somebody else applied meanwhile. */
  readonly onProposal?: (proposal: Proposal) => void | Promise<void>;
}

export interface ApplierParts {
  readonly current: CurrentPlan;
  readonly follower: Follower;
  readonly router: HostedRouter;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often somebody else may be quicker before `apply` gives up. */
const MOST_MOVES = 20;

/** Replaces what this process owns of the bus, and has it go on with the whole. Nothing else may change the plan meanwhile. */
export class Applier {
  readonly #parts: ApplierParts;

  constructor(parts: ApplierParts) {
    this.#parts = parts;
  }

  /** @throws WB_CONFIG_FAULTS, WB_PART_UNKNOWN */
  async propose(by: string, { remove }: ApplyPartOptions = {}): Promise<Proposal> {
    const { transport, current, clock } = this.#parts;
    const before = await transport.manifest();
    return proposalOf(before, current.own, { by, now: clock.now(), remove });
  }

  /** @throws WB_CONFIG_FAULTS, and what the transport throws; the plan before stays in force then */
  async apply(by: string, options: ApplyPartOptions = {}): Promise<ApplyResult> {
    const { transport, current, follower, router } = this.#parts;
    const { plan: own } = current;
    for (let moves = 0; ; moves++) {
      const proposal = await this.propose(by, options);
      const { before, manifest, plan } = proposal;
      await options.onProposal?.(proposal);
      await router.load(plan);
      // Before it is applied: the first message of a new type may come before `apply` resolves.
      current.plan = plan;
      let result: ApplyResult;
      try {
        result = await transport.apply(manifest, { after: before?.edition ?? null });
      } catch (error) {
        current.plan = own;
        await router.loadAgain(own);
        if (moves >= MOST_MOVES || !(error instanceof WaybillError) || error.code !== 'WB_MANIFEST_MOVED') throw error;
        continue;
      }
      follower.settled();
      if (options.onProposal === undefined) this.#sayEnding(proposal);
      await router.update(plan);
      return result;
    }
  }

  /** Where nobody was shown the proposal. */
  #sayEnding({ endingPauses }: Proposal): void {
    for (const [endpoint, pause] of Object.entries(endingPauses)) {
      const text = 'the endpoint is gone, and its pause with it, also for what still waits there';
      this.#parts.log.warn({ endpoint, ...pause }, text);
    }
  }

  /** Applies another plan in the place of the own one. @throws as `apply` */
  async change(plan: Plan, by: string, part: OwnPart | undefined): Promise<ApplyResult> {
    const { current } = this.#parts;
    const before = current.own;
    current.own = part ?? ownOf(plan.definition, current.part ?? MAIN_PART);
    try {
      return await this.apply(by);
    } catch (error) {
      current.own = before;
      throw error;
    }
  }
}
