import { type Host, WaybillError } from '../index.ts';
import {
  observeBus,
  serveOperations,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
  telemetryAsked,
} from '../telemetry.ts';
import type { Terminal } from './terminal.ts';

export interface HttpOptions {
  /** Where health and figures are served: a port, or host:port. */
  readonly http?: string;
}

const NO_FIGURES =
  'no figures: OTEL_SDK_DISABLED is set, or the packages are missing: npm install @opentelemetry/sdk-node@0.223 @opentelemetry/exporter-prometheus@0.223';

/** Where a command serves `/live`, `/ready` and `/metrics`. */
export interface HttpAddress {
  readonly host?: string;
  readonly port: number;
}

/** `9464`, `0.0.0.0:9464`, `[::]:9464`. @throws WB_OPTION_INVALID */
export function readAddress(text: string): HttpAddress {
  const match = /^(?:(?<host>[^:[\]]+|\[[0-9a-fA-F:.]+\]):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535) {
    throw new WaybillError('WB_OPTION_INVALID', `--http ${text}: expected a port, or host:port`, {
      fix: 'Write --http 9464, or --http 0.0.0.0:9464 where others are to reach it.',
    });
  }
  const host = match.groups?.['host']?.replaceAll(/[[\]]/g, '');
  return host === undefined ? { port } : { host, port };
}

/** With telemetry, where the standard variables or `options` ask for it. What is left of it leaves before the command ends. */
export async function observed<T>(
  options: TelemetryOptions,
  work: (telemetry: Telemetry | undefined) => Promise<T>,
): Promise<T> {
  if (!telemetryAsked() && options.prometheus !== true) return work(undefined);
  const telemetry = await start(options);
  try {
    return await work(telemetry);
  } finally {
    await telemetry?.shutdown();
  }
}

/** Health needs no telemetry; what nobody but `--http` asks for may be missing. */
async function start(options: TelemetryOptions): Promise<Telemetry | undefined> {
  try {
    return await startTelemetry(options);
  } catch (error) {
    if (!telemetryAsked() && error instanceof WaybillError && error.code === 'WB_TELEMETRY_MISSING') return undefined;
    throw error;
  }
}

/** The health and the figures of a command, from before it opens its bus until it has closed it. */
export interface Operating extends AsyncDisposable {
  /** Tells of this bus, until what it gives is disposed of. */
  observe(host: Host): Disposable;
}

/**
 * Serves health and figures where an address says so. To be called before the bus is opened: an address that is taken is told before
 * anything was owned or started.
 * @throws WB_OPTION_INVALID
 */
export async function operating(
  terminal: Terminal,
  telemetry: Telemetry | undefined,
  http: string | undefined,
): Promise<Operating> {
  let host: Host | undefined;
  const operations = http === undefined ? undefined : await serve(terminal, telemetry, http, () => host);
  return {
    observe(open) {
      host = open;
      const unobserve = telemetry === undefined ? undefined : observeBus(open);
      return {
        [Symbol.dispose]() {
          host = undefined;
          unobserve?.();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await operations?.[Symbol.asyncDispose]();
    },
  };
}

async function serve(
  terminal: Terminal,
  telemetry: Telemetry | undefined,
  http: string,
  of: () => Host | undefined,
): Promise<AsyncDisposable> {
  const address = readAddress(http);
  const { host = '127.0.0.1' } = address;
  const operations = await serveOperations({ ...address, of, scrape: telemetry?.scrape ?? NO_FIGURES });
  terminal.data({ event: 'http', host, port: operations.port });
  terminal.print(`http://${host}:${String(operations.port)} serves /live, /ready and /metrics`);
  return operations;
}
