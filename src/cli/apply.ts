import { type Host, type Proposal, WaybillError } from '../index.ts';
import { type Changes, changesBy, changesData, changesNothing, printChanges } from './changes.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, operator, showFaults, withConfiguredBus } from './session.ts';
import { count, type Terminal } from './terminal.ts';

export interface ApplyOptions extends GlobalOptions {
  /** A part of the bus that goes. */
  readonly removePart?: string;
  /** Removing it is meant. */
  readonly yes?: boolean;
}

/** Makes the transport hold the plan of the configuration: its own part, beside the others. Safe to repeat, and to interrupt. */
export async function apply(terminal: Terminal, options: ApplyOptions): Promise<ExitName> {
  return withConfiguredBus<ExitName>(terminal, options, async (host, checked) => {
    const { removePart: remove } = options;
    let shown: Changes | undefined;
    let edition = host.plan.edition;
    const onProposal = async (proposal: Proposal): Promise<void> => {
      if (shown !== undefined) terminal.note('somebody else applied meanwhile; once more, by what there is now:');
      shown = await changesBy(host, proposal, checked);
      edition = proposal.plan.edition;
      printChanges(terminal, shown, `applying to the bus ${proposal.manifest.bus}:`);
      if (remove !== undefined && options.yes !== true) throw unconfirmed(remove);
    };
    const { changes } = await host.apply(operator(), {
      onProposal,
      ...(remove !== undefined && { remove }),
    });
    terminal.data({
      bus: host.plan.definition.bus,
      part: host.part,
      edition,
      ...(shown !== undefined && changesData(shown)),
      changes,
    });
    report(terminal, { host, edition, changes, shown });
    showFaults(terminal, checked, checked.warnings, 'yellow');
    return 'ok';
  });
}

function report(
  terminal: Terminal,
  done: {
    readonly host: Host;
    readonly edition: string;
    readonly changes: readonly string[];
    readonly shown: Changes | undefined;
  },
): void {
  const { edition, changes, shown } = done;
  for (const change of changes) terminal.print(terminal.style('dim', `  ${change}`));
  const nothing = changes.length === 0 && (shown === undefined || changesNothing(shown));
  terminal.print(
    nothing
      ? `nothing to do: edition ${edition} is applied`
      : `applied edition ${edition}: ${count(shown?.differences.length ?? 0, 'difference')}, ${count(changes.length, 'change')} on the transport`,
  );
}

function unconfirmed(part: string): WaybillError {
  return new WaybillError(
    'WB_OPTION_INVALID',
    `nothing was applied: the part ${part} would go, with all that it declares`,
    {
      fix: `Say it once more with --yes: waybill apply --remove-part ${part} --yes`,
    },
  );
}
