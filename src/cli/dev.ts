import { type CheckedConfiguration, type Host, openBus, watchConfiguration } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type HttpOptions, observed, operating, readAddress } from './operations.ts';
import {
  busOptions,
  type GlobalOptions,
  operator,
  showFaults,
  soundConfiguration,
  terminalLog,
  untilStopped,
} from './session.ts';
import { count, type Terminal } from './terminal.ts';

/** The whole bus in one process: applies the configuration, runs the router, and goes on with what is edited. */
export async function dev(terminal: Terminal, options: GlobalOptions & HttpOptions): Promise<ExitName> {
  const { http } = options;
  if (http !== undefined) readAddress(http);
  const stopped = untilStopped();
  const checked = await soundConfiguration(terminal, options);
  const log = terminalLog(terminal, 'info');
  return observed<ExitName>({ service: 'waybill', log, prometheus: http !== undefined }, async (telemetry) => {
    await using operations = await operating(terminal, telemetry, http);
    await using host = await openBus({ ...busOptions(options), config: checked.root, log });
    using _observed = operations.observe(host);
    await host.apply(operator());
    await host.startRouter();
    let last = Promise.resolve();
    const onChange = (next: CheckedConfiguration): void => {
      last = last
        .then(() => goOn(terminal, host, next))
        .catch((error: unknown) => {
          failed(terminal, error);
        });
    };
    await using _watch = await watchConfiguration(checked.root, env(options), onChange, (error) => {
      failed(terminal, error);
    });
    // Only now: who reads it may edit at once.
    announce(terminal, host, checked);
    await stopped;
    await last;
    return 'ok';
  });
}

/** A faulty edit leaves the running plan in place. */
async function goOn(terminal: Terminal, host: Host, checked: CheckedConfiguration): Promise<void> {
  const { faults, warnings, plan, part, locate, mediators } = checked;
  if (plan === undefined) {
    terminal.data({ event: 'faulty', faults });
    showFaults(terminal, checked, faults, 'red');
    terminal.note(`${count(faults.length, 'fault')}; edition ${host.plan.edition} goes on`);
    return;
  }
  const before = host.plan.edition;
  await host.change(plan, operator(), part && { definition: part, locate, mediators });
  const { edition } = host.plan;
  if (edition === before) return;
  terminal.data({ event: 'changed', edition, warnings });
  showFaults(terminal, checked, warnings, 'yellow');
  terminal.print(`changed: edition ${edition} runs`);
}

function announce(terminal: Terminal, { plan, transport }: Host, checked: CheckedConfiguration): void {
  const { bus, services } = plan.definition;
  terminal.data({ event: 'started', bus, edition: plan.edition, transport: transport.kind, root: checked.root });
  terminal.print(
    `the bus ${bus} runs on ${transport.kind}: ${count(services.length, 'service')}, ${count(plan.routes.length, 'route')}`,
  );
  terminal.print('edit waybill.yaml, routes/, schemas/ or plugins/ and it goes on with that; Ctrl+C ends it');
  showFaults(terminal, checked, checked.warnings, 'yellow');
}

function failed(terminal: Terminal, error: unknown): void {
  terminal.note(terminal.style('red', error instanceof Error ? error.message : String(error), 'stderr'));
}

function env(options: GlobalOptions): { readonly env?: string } {
  return options.env === undefined ? {} : { env: options.env };
}
