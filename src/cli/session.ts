import { hostname, userInfo } from 'node:os';
import {
  type BusOptions,
  type CheckedConfiguration,
  checkConfiguration,
  FaultsError,
  type Host,
  type Log,
  openBus,
  type Plan,
  showFault,
} from '../index.ts';
import { observed } from './operations.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command has. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly env?: string;
  readonly config?: string;
  readonly url?: string;
}

/**
 * Opens a bus that there is, as a client does (`--url`, `--config`, WAYBILL_URL, the nearest waybill.yaml), and closes it again whatever
 * happens.
 */
export async function withBus<T>(
  terminal: Terminal,
  globals: GlobalOptions,
  use: (host: Host) => Promise<T>,
): Promise<T> {
  const log = terminalLog(terminal);
  return observed({ service: 'waybill', log }, async () =>
    closing(await openBus({ ...busOptions(globals), existing: true, log }), use),
  );
}

/** Opens the bus of the configuration, for commands that put it into force. Faults are shown in their places. */
export async function withConfiguredBus<T>(
  terminal: Terminal,
  globals: GlobalOptions,
  use: (host: Host, checked: CheckedConfiguration) => Promise<T>,
): Promise<T> {
  const log = terminalLog(terminal);
  const checked = await soundConfiguration(terminal, globals);
  return observed({ service: 'waybill', log }, async () => {
    const host = await openBus({ ...busOptions(globals), config: checked.root, log });
    return closing(host, (open) => use(open, checked));
  });
}

/** A configuration without faults. */
export type SoundConfiguration = CheckedConfiguration & { readonly plan: Plan };

/** @throws WB_CONFIG_FAULTS after they were shown */
export async function soundConfiguration(terminal: Terminal, globals: GlobalOptions): Promise<SoundConfiguration> {
  const checked = await checkConfiguration(busOptions(globals));
  const { plan } = checked;
  if (plan === undefined) throw new ShownFaults(checked, terminal);
  return { ...checked, plan };
}

/** Faults that were shown with their lines, so that whoever ends the command need not say them again. */
export class ShownFaults extends FaultsError {
  constructor(checked: CheckedConfiguration, terminal: Terminal) {
    super(checked.faults);
    showFaults(terminal, checked, checked.faults, 'red');
  }
}

export function showFaults(
  terminal: Terminal,
  checked: CheckedConfiguration,
  faults: CheckedConfiguration['faults'],
  color: 'red' | 'yellow',
): void {
  for (const fault of faults) {
    const { file, line } = fault.at ?? {};
    const text = showFault(
      fault,
      file === undefined || line === undefined ? undefined : checked.sourceLine(file, line),
    );
    const [head = '', ...rest] = text.split('\n');
    terminal.note([terminal.style(color, head, 'stderr'), ...rest].join('\n'));
  }
}

/** Who does it, for the record. */
export function operator(): string {
  return `${user()}@${hostname()}`;
}

/** In a container a user may have a number and no name. */
function user(): string {
  try {
    return userInfo().username;
  } catch {
    return `user-${String(process.getuid?.() ?? 'unknown')}`;
  }
}

/** Resolves when the process is asked to stop; a second time it ends at once. */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      for (const signal of SIGNALS) process.off(signal, stop).once(signal, () => process.exit(130));
      resolve();
    };
    for (const signal of SIGNALS) process.on(signal, stop);
  });
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A log for people: text on standard error. */
export function terminalLog(terminal: Terminal, least: 'info' | 'warn' = 'warn'): Log {
  const say = (color: 'red' | 'yellow' | 'dim', fields: object, message: string): void => {
    const told = Object.entries(fields).map(
      ([name, value]) => `${name}: ${value instanceof Error ? value.message : JSON.stringify(value)}`,
    );
    terminal.note(terminal.style(color, [message, ...told].join('  '), 'stderr'));
  };
  return {
    debug: () => undefined,
    info: (fields, message) => {
      if (least === 'info') say('dim', fields, message);
    },
    warn: (fields, message) => {
      say('yellow', fields, message);
    },
    error: (fields, message) => {
      say('red', fields, message);
    },
  };
}

export function busOptions({ env, config, url }: GlobalOptions): BusOptions {
  return {
    ...(env === undefined ? {} : { env }),
    ...(config === undefined ? {} : { config }),
    ...(url === undefined ? {} : { url }),
  };
}

async function closing<T>(host: Host, use: (host: Host) => Promise<T>): Promise<T> {
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}
