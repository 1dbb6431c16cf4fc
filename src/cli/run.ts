import { type Host, openBus } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { type HttpOptions, observed, operating, readAddress } from './operations.ts';
import { type GlobalOptions, soundConfiguration, untilStopped } from './session.ts';
import type { Terminal } from './terminal.ts';

/** Runs the router until the process is asked to stop. It refuses to when its plan is not the applied one. */
export async function run(terminal: Terminal, options: GlobalOptions & HttpOptions): Promise<ExitName> {
  const { env, config, url, http } = options;
  if (http !== undefined) readAddress(http);
  const stopped = untilStopped();
  // With a url alone, what was applied there says what to run.
  const own =
    url !== undefined && config === undefined ? undefined : (await soundConfiguration(terminal, options)).root;
  return observed<ExitName>({ service: 'waybill-router', prometheus: http !== undefined }, async (telemetry) => {
    await using operations = await operating(terminal, telemetry, http);
    await using host = await openBus({
      ...(env === undefined ? {} : { env }),
      ...(url === undefined ? {} : { url }),
      ...(own === undefined ? {} : { config: own }),
    });
    using _observed = operations.observe(host);
    await host.startRouter();
    announce(terminal, host);
    await stopped;
    return 'ok';
  });
}

function announce(terminal: Terminal, { plan, transport }: Host): void {
  const { bus } = plan.definition;
  terminal.data({ event: 'started', bus, edition: plan.edition, transport: transport.kind });
  terminal.print(`the router of ${bus} runs, edition ${plan.edition}, on ${transport.kind}; Ctrl+C ends it`);
}
