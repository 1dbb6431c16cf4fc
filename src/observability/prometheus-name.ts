import type { MetricRow } from './metric-table.ts';

/** What Prometheus calls a metric; the series of a histogram have `_bucket`, `_sum` and `_count` behind it. */
export function prometheusName({ name, kind }: MetricRow): string {
  const base = name.replaceAll('.', '_');
  return kind === 'counter' ? `${base}_total` : base;
}
