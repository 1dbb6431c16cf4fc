import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, operator, withBus } from './session.ts';
import type { Terminal } from './terminal.ts';

export interface PauseOptions extends GlobalOptions {
  readonly reason?: string;
}

/** Lets an endpoint take nothing until it is resumed. Its messages wait. */
export async function pause(terminal: Terminal, name: string, options: PauseOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const by = operator();
    const endpoint = await host.pause(name, by, options.reason);
    terminal.data({ endpoint, paused: true, by });
    terminal.print(
      `${endpoint} is paused, in all processes and over restarts: its messages wait until \`waybill resume ${name}\``,
    );
    return 'ok';
  });
}

/** Lets a paused endpoint take messages again. */
export async function resume(terminal: Terminal, name: string, options: GlobalOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const by = operator();
    const { endpoint, was } = await host.resume(name, by);
    terminal.data({ endpoint, paused: false, was, by });
    terminal.print(was ? `${endpoint} goes on` : `${endpoint} was not paused`);
    return 'ok';
  });
}
