import { type LocatedFault, WaybillError } from '../errors.ts';
import type { PluginOrigin } from '../ports/mediator.ts';
import type { LackingPlugin, Plan } from './plan.ts';

type Said = Pick<LocatedFault, 'message'> & { readonly fix: string };

/** What is lacking, and what to do. */
export function tellLacking({ route, name, needed, found }: LackingPlugin): Said {
  const kind = name === needed.from ? `the script ${name}` : `the plugin ${name} of ${needed.from}`;
  const what = `the route ${route} needs ${kind}`;
  const isFile = needed.from.includes('/') && !needed.from.startsWith('@');
  if (found === undefined) {
    const fix = isFile
      ? `Run it where waybill.yaml and ${needed.from} are.`
      : `Run npm install ${needed.from}, and name it under plugins in waybill.yaml.`;
    return { message: `${what}, which this process does not have`, fix };
  }
  const has = found === 'built in' ? 'a built-in mediator' : `edition ${found.edition} of ${found.from}`;
  return {
    message: `${what} in its edition ${needed.edition}, and this process has ${has}`,
    fix: 'Update this process to what was applied, or run `waybill apply` with what it has.',
  };
}

/** @throws WB_PLUGIN_MISSING when the plan runs no route here */
export function requirePlugins({ lacks, edition }: Pick<Plan, 'lacks' | 'edition'>): void {
  const [first, ...others] = lacks;
  if (first === undefined) return;
  const { message, fix } = tellLacking(first);
  const more = others.length === 0 ? '' : ` (and ${String(others.length)} more)`;
  // What is installed may be mended while messages wait.
  throw new WaybillError('WB_PLUGIN_MISSING', `edition ${edition}: ${message}${more}`, { fix, retryable: true });
}

/** Whether a mediator that was found is the one that is needed. */
export function isSame(needed: PluginOrigin, found: PluginOrigin | undefined): boolean {
  return found !== undefined && found.from === needed.from && found.edition === needed.edition;
}
