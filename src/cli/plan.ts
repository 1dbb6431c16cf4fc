import { explainPlan, formatPlan } from '../index.ts';
import { changesBy, changesData, changesNothing, printChanges } from './changes.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, operator, showFaults, soundConfiguration, withConfiguredBus } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface PlanOptions extends GlobalOptions {
  /** Only what the files say: no transport is opened. */
  readonly offline?: boolean;
  /** Ends with a code of its own when there is something to apply. */
  readonly detailedExitcode?: boolean;
}

/** Shows how each route is run, and what `waybill apply` would change. */
export async function plan(terminal: Terminal, options: PlanOptions): Promise<ExitName> {
  if (options.offline === true) {
    const checked = await soundConfiguration(terminal, options);
    const report = explainPlan(checked.plan);
    terminal.data(report);
    terminal.print(formatPlan(report));
    showFaults(terminal, checked, checked.warnings, 'yellow');
    return 'ok';
  }
  return withConfiguredBus<ExitName>(terminal, options, async (host, checked) => {
    const proposal = await host.propose(operator());
    const changes = await changesBy(host, proposal, checked);
    const report = explainPlan(proposal.plan);
    const same = changesNothing(changes);
    terminal.data({ ...report, part: host.part, applied: same, ...changesData(changes) });
    terminal.print(formatPlan(report));
    terminal.print('');
    printChanges(terminal, changes, 'not applied; `waybill apply` would change:');
    if (same) terminal.print('applied: the bus runs this plan');
    showFaults(terminal, checked, checked.warnings, 'yellow');
    return same || options.detailedExitcode !== true ? 'ok' : 'changes';
  });
}
