import type { IncomingMessage, ServerResponse } from 'node:http';
import { DiagLogLevel, diag, metrics as otelMetrics } from '@opentelemetry/api';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import type { NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { toError, WaybillError } from '../errors.ts';
import { inTime, systemClock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import { ExportFaults } from './export-faults.ts';
import { openLog } from './log.ts';
import { tellEndpoints } from './otlp-endpoint.ts';
import { followParents } from './sampling.ts';

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
  /** Whether the figures are to be had as Prometheus takes them, beside what the standard variables ask for. @default false */
  readonly prometheus?: boolean;
  /** @default pino, JSON lines on standard error */
  readonly log?: Log;
}

/** Answers a request of Prometheus. */
export type Scrape = (request: IncomingMessage, response: ServerResponse) => void;

export interface Telemetry {
  /** The figures as Prometheus takes them; undefined unless they were asked for. */
  readonly scrape?: Scrape;
  /** Sends what was not sent yet, for at most 5 s, and ends. Safe to call twice. */
  shutdown(): Promise<void>;
}

const NOTHING: Telemetry = { shutdown: () => Promise.resolve() };
let running: Promise<Telemetry> | undefined;

/** Whether the standard variables ask for telemetry. */
export function telemetryAsked(env: NodeJS.ProcessEnv = process.env): boolean {
  return env['OTEL_SDK_DISABLED'] !== 'true' && ASKS.some((name) => (env[name] ?? '') !== '');
}

/**
 * Sets up `@opentelemetry/sdk-node` for this process: OTLP over HTTP and protobuf, batched, flushed when the process ends by itself.
 * The standard `OTEL_*` variables say where to and how much. The second call gives what the first one started. Do not call it
 * beside an SDK of your own: Waybill takes that one by itself.
 * @throws WB_TELEMETRY_MISSING when `@opentelemetry/sdk-node`, or `@opentelemetry/exporter-prometheus` where it is needed, is not installed
 */
export async function startTelemetry(options: TelemetryOptions = {}): Promise<Telemetry> {
  if (process.env['OTEL_SDK_DISABLED'] === 'true') return NOTHING;
  running ??= start(options);
  try {
    return await running;
  } catch (error) {
    running = undefined;
    throw error;
  }
}

async function start(options: TelemetryOptions): Promise<Telemetry> {
  const { service = 'waybill', instrumentations = [] } = options;
  const log = options.log ?? (await openLog('waybill', process.env['WAYBILL_LOG']));
  const {
    NodeSDK: Sdk,
    resources,
    metrics,
  } = await load('@opentelemetry/sdk-node', () => import('@opentelemetry/sdk-node'));
  const exporter = options.prometheus === true ? await prometheus() : undefined;
  diag.setLogger(new ExportFaults(log, systemClock), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const serviceName = process.env['OTEL_SERVICE_NAME'] ?? service;
  let shutdown: () => Promise<void>;
  // Who asks for nothing but what Prometheus takes sends nothing anywhere.
  if (telemetryAsked() || exporter === undefined) {
    tellEndpoints(process.env, log);
    const sdk = new Sdk({
      serviceName,
      // Not that of the process: its command line may hold the url of a broker, with a password.
      resourceDetectors: [resources.envDetector, resources.hostDetector, resources.serviceInstanceIdDetector],
      instrumentations,
      ...(exporter !== undefined && { metricReaders: [exporter] }),
    });
    followParents(process.env);
    sdk.start();
    shutdown = () => sdk.shutdown();
  } else {
    const resource = resources.resourceFromAttributes({ 'service.name': serviceName });
    const provider = new metrics.MeterProvider({ resource, readers: [exporter] });
    otelMetrics.setGlobalMeterProvider(provider);
    shutdown = () => provider.shutdown();
  }
  const scrape: Scrape | undefined = exporter?.getMetricsRequestHandler.bind(exporter);
  return { ...flushed(shutdown, log), ...(scrape !== undefined && { scrape }) };
}

async function prometheus(): Promise<PrometheusExporter> {
  const name = '@opentelemetry/exporter-prometheus';
  const { PrometheusExporter: Exporter } = await load(name, () => import('@opentelemetry/exporter-prometheus'));
  return new Exporter({ preventServerStart: true, withoutScopeInfo: true });
}

async function load<Module>(name: string, from: () => Promise<Module>): Promise<Module> {
  try {
    return await from();
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_MODULE_NOT_FOUND')) throw thrown;
    throw new WaybillError('WB_TELEMETRY_MISSING', `telemetry needs the package ${name}`, {
      cause: thrown,
      fix: `Run \`npm install ${name}@0.223\`.`,
    });
  }
}

/** Ends once, and by itself when the process has nothing left to do. */
function flushed(shutdown: () => Promise<void>, log: Log): Telemetry {
  let ending: Promise<void> | undefined;
  const telemetry: Telemetry = {
    shutdown() {
      process.off('beforeExit', flush);
      ending ??= end(shutdown, log);
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

async function end(shutdown: () => Promise<void>, log: Log): Promise<void> {
  try {
    await inTime(systemClock, FLUSH_MS, shutdown());
  } catch (error) {
    log.warn({ error: toError(error).message }, 'the last telemetry was not sent');
  }
}
