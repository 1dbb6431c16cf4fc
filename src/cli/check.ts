import { checkConfiguration } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, showFaults } from './session.ts';
import { count, type Terminal } from './terminal.ts';

export interface CheckOptions extends GlobalOptions {
  /** Warnings count as faults. */
  readonly strict?: boolean;
}

/** Reads all files, compiles everything, and shows every fault in its place. Opens no transport. */
export async function check(terminal: Terminal, options: CheckOptions): Promise<ExitName> {
  const { env, config } = options;
  const checked = await checkConfiguration({
    ...(env === undefined ? {} : { env }),
    ...(config === undefined ? {} : { config }),
  });
  const { faults, warnings, plan, files, root } = checked;
  const failed = faults.length > 0 || plan === undefined || (options.strict === true && warnings.length > 0);
  terminal.data({ ok: !failed, root, files, faults, warnings });
  if (!terminal.json) {
    showFaults(terminal, checked, faults, 'red');
    showFaults(terminal, checked, warnings, 'yellow');
    const found = [count(faults.length, 'fault'), count(warnings.length, 'warning')].join(', ');
    if (failed) terminal.note(`${found} in ${count(files.length, 'file')}`);
    else terminal.print(`${terminal.style('green', 'sound')}: ${summary(plan)}; ${found}`);
  }
  return failed ? 'configuration' : 'ok';
}

function summary({
  definition,
  routes,
}: {
  definition: { services: readonly unknown[]; contracts: readonly unknown[] };
  routes: readonly unknown[];
}): string {
  return [
    count(definition.contracts.length, 'contract'),
    count(definition.services.length, 'service'),
    count(routes.length, 'route'),
  ].join(', ');
}
