import type { Log } from '../ports/log.ts';

const SIGNALS = ['', 'TRACES_', 'METRICS_'] as const;

/**
 * Says in the log which address of a collector is none over HTTP: the SDK takes `collector:4318` for a URL, and every export fails.
 * A service whose traces go nowhere still does its work, so it starts all the same.
 */
export function tellEndpoints(env: NodeJS.ProcessEnv, log: Log): void {
  for (const signal of SIGNALS) {
    const variable = `OTEL_EXPORTER_OTLP_${signal}ENDPOINT`;
    const address = (env[variable] ?? '').trim();
    const protocol = env[`OTEL_EXPORTER_OTLP_${signal}PROTOCOL`] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? '';
    // Over gRPC `collector:4317` is an address.
    if (address === '' || protocol === 'grpc' || isHttp(address)) continue;
    const fix = address.includes('://') ? 'write an http:// or https:// URL' : `write http://${withoutSecret(address)}`;
    log.error({ variable, fix }, `${variable} is no http:// or https:// URL, so nothing of it reaches a collector`);
  }
}

function isHttp(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}

/** `user:password@collector:4318` */
function withoutSecret(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}
