/**
 * Telemetry of a process, by one call or by none: `node --import waybill/telemetry service.js` sets it up before the service's own
 * modules are loaded, so that instrumentations find them.
 */
import { startTelemetry } from './observability/sdk.ts';

export { observeBus } from './observability/bus-metrics.ts';
export { ALL_METRICS, type MetricKind, type MetricRow } from './observability/metric-table.ts';
export {
  type Health,
  healthOf,
  type Operations,
  type OperationsOptions,
  serveOperations,
} from './observability/operations.ts';
export {
  type Scrape,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
  telemetryAsked,
} from './observability/sdk.ts';

const PRELOADED = /--import[= ]["']?waybill\/telemetry\b/;

if (PRELOADED.test([...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' '))) await startTelemetry();
