import { MAIN_PART } from '../config/definition.ts';
import { WaybillError } from '../errors.ts';
import { editionOf } from '../plan/edition.ts';
import { partsOf } from '../plan/parts.ts';
import type { Plan } from '../plan/plan.ts';
import type { Manifest } from '../ports/topology.ts';
import { type OwnPart, ownOf } from './own-part.ts';

/** The plan that a process goes by, and what of it the process owns. */
export class CurrentPlan {
  /** Where the plan comes from: files, or the manifest that was applied. */
  readonly source: 'configuration' | 'manifest';
  plan: Plan;
  /** Undefined where the plan came from the manifest. */
  own: OwnPart | undefined;

  /** @param part what the files say; where there are files and it is left out, the plan is all of the bus */
  constructor(plan: Plan, source: 'configuration' | 'manifest', part: OwnPart | undefined) {
    this.plan = plan;
    this.source = source;
    this.own = part ?? (source === 'configuration' ? ownOf(plan.definition, MAIN_PART) : undefined);
  }

  /** The name of the own part. */
  get part(): string | undefined {
    return this.own?.definition.part;
  }

  /**
   * Whether what this process was started with is applied: of several parts its own one; what the others are, the manifest says.
   * `missing`: nothing of it was ever applied.
   */
  standing(manifest: Manifest | undefined): 'same' | 'different' | 'missing' {
    if (manifest === undefined) return 'missing';
    if (manifest.edition === this.plan.edition) return 'same';
    if (this.own === undefined) return 'different';
    const { definition } = this.own;
    const there = partsOf(manifest).find(({ name }) => name === definition.part);
    if (there === undefined) return 'missing';
    return there.edition === editionOf(definition) ? 'same' : 'different';
  }

  /** WB_PLAN_NOT_APPLIED */
  notApplied(): WaybillError {
    const { bus } = this.plan.definition;
    const what =
      this.part === undefined || this.part === MAIN_PART
        ? `the plan of the bus ${bus}`
        : `the part ${this.part} of the bus ${bus}, as it is here,`;
    return new WaybillError('WB_PLAN_NOT_APPLIED', `${what} is not the applied one`, {
      fix: 'Run `waybill apply`.',
    });
  }
}
