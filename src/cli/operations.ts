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

/** Tells the figures of the bus, and serves them with its health where an address says so; until what it gives is disposed of. */
export async function operated(
  terminal: Terminal,
  host: Host,
  telemetry: Telemetry | undefined,
  http: string | undefined,
): Promise<AsyncDisposable> {
  const unobserve = telemetry === undefined ? (): void => undefined : observeBus(host);
  if (http === undefined) {
    return {
      [Symbol.asyncDispose]() {
        unobserve();
        return Promise.resolve();
      },
    };
  }
  const address = readAddress(http);
  const scrape = telemetry?.scrape ?? NO_FIGURES;
  const operations = await serveOperations({ ...address, of: host, scrape });
  terminal.data({ event: 'http', host: address.host ?? '127.0.0.1', port: operations.port });
  terminal.print(`http://${address.host ?? '127.0.0.1'}:${String(operations.port)} serves /live, /ready and /metrics`);
  return {
    async [Symbol.asyncDispose]() {
      unobserve();
      await operations[Symbol.asyncDispose]();
    },
  };
}
