import { BUS_METRICS, type MetricRow, PROCESS_METRICS } from '../../src/observability/metric-table.ts';
import { prometheusName } from '../../src/observability/prometheus-name.ts';
import { code, generated, page, table } from './markdown.ts';

export function metricsPage(): string {
  return page(
    generated('src/observability/metric-table.ts'),
    '# Metrics',
    'Names by OpenTelemetry, as they go out over OTLP, and as Prometheus calls them; units in UCUM. Labels of Prometheus have `_` for `.`. ' +
      'A histogram is three series: `_bucket`, `_sum` and `_count`. How to get them: [figures](../observability.md#figures).',
    '## Of the bus',
    'As the transport counts them, told by each process that runs the router: take `max` over processes. On RabbitMQ counters end with the ' +
      'processes that counted.',
    rows(Object.values(BUS_METRICS)),
    '## Of one process',
    'By the messaging conventions of OpenTelemetry, and `waybill.process.lag`. `error.type` stands only where something failed.',
    rows(Object.values(PROCESS_METRICS)),
  );
}

function rows(metrics: readonly MetricRow[]): string {
  return table(
    ['metric', 'in Prometheus', 'kind', 'unit', 'labels', 'meaning'],
    metrics.map((metric) => [
      code(metric.name),
      code(prometheusName(metric)),
      metric.kind,
      code(metric.unit),
      metric.labels.map(code).join(', '),
      metric.describe,
    ]),
  );
}
