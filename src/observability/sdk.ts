import { DiagLogLevel, diag } from '@opentelemetry/api';
import type { NodeSDK, NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { toError, WaybillError } from '../errors.ts';
import { pause, systemClock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { ExportFaults } from './export-faults.ts';
import { openLog } from './log.ts';

/** How long the last spans may take to leave when the process ends. @unit milliseconds */
const FLUSH_MS = 5_000;

/** Any of these says that somebody wants telemetry. */
const ASKS = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
  'OTEL_TRACES_EXPORTER',
  'OTEL_METRICS_EXPORTER',
] as const;

export interface TelemetryOptions {
  /** `service.name`, where neither `OTEL_SERVICE_NAME` nor `OTEL_RESOURCE_ATTRIBUTES` says another. @default `waybill` */
  readonly service?: string;
  /** Of OpenTelemetry, for the service's own work: HTTP, databases. @default none */
  readonly instrumentations?: NodeSDKConfiguration['instrumentations'];
  /** @default pino, JSON lines on standard error */
  readonly log?: Log;
}

export interface Telemetry {
  /** Sends what was not sent yet, for at most 5 s, and ends. Safe to call twice. */
  shutdown(): Promise<void>;
}

const NOTHING: Telemetry = { shutdown: () => Promise.resolve() };
let running: Telemetry | undefined;

/** Whether the standard variables ask for telemetry. */
export function telemetryAsked(env: NodeJS.ProcessEnv = process.env): boolean {
  return env['OTEL_SDK_DISABLED'] !== 'true' && ASKS.some((name) => (env[name] ?? '') !== '');
}

/**
 * Sets up `@opentelemetry/sdk-node` for this process: OTLP over HTTP and protobuf, batched, flushed when the process ends by itself.
 * The standard `OTEL_*` variables say where to and how much. The second call gives what the first one started. Do not call it
 * beside an SDK of your own: Waybill takes that one by itself.
 * @throws WB_TELEMETRY_MISSING when `@opentelemetry/sdk-node` is not installed
 */
export async function startTelemetry(options: TelemetryOptions = {}): Promise<Telemetry> {
  if (process.env['OTEL_SDK_DISABLED'] === 'true') return NOTHING;
  running ??= start(await loadSdk(), options);
  return running;
}

type SdkModule = typeof import('@opentelemetry/sdk-node');

async function loadSdk(): Promise<SdkModule> {
  try {
    return await import('@opentelemetry/sdk-node');
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_MODULE_NOT_FOUND')) throw thrown;
    throw new WaybillError('WB_TELEMETRY_MISSING', 'telemetry needs the package @opentelemetry/sdk-node', {
      cause: thrown,
      fix: 'Run `npm install @opentelemetry/sdk-node@0.223`.',
    });
  }
}

function start({ NodeSDK: Sdk, resources }: SdkModule, options: TelemetryOptions): Telemetry {
  const { service = 'waybill', instrumentations = [], log = openLog('waybill', process.env['WAYBILL_LOG']) } = options;
  diag.setLogger(new ExportFaults(log, systemClock), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const sdk = new Sdk({
    serviceName: process.env['OTEL_SERVICE_NAME'] ?? service,
    // Not that of the process: its command line may hold the url of a broker, with a password.
    resourceDetectors: [resources.envDetector, resources.hostDetector, resources.serviceInstanceIdDetector],
    instrumentations,
  });
  sdk.start();
  let ending: Promise<void> | undefined;
  const telemetry: Telemetry = {
    shutdown() {
      process.off('beforeExit', flush);
      ending ??= end(sdk, log);
      return ending;
    },
  };
  const flush = (): void => {
    telemetry.shutdown().catch((error: unknown) => {
      log.warn({ error: toError(error).message }, 'the last telemetry was not sent');
    });
  };
  process.once('beforeExit', flush);
  return telemetry;
}

async function end(sdk: NodeSDK, log: Log): Promise<void> {
  const late = new AbortController();
  try {
    await Promise.race([sdk.shutdown(), pause(systemClock, FLUSH_MS, late.signal)]);
  } catch (error) {
    log.warn({ error: toError(error).message }, 'the last telemetry was not sent');
  } finally {
    late.abort();
  }
}
