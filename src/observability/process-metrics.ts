import {
  type Attributes,
  type Counter,
  createNoopMeter,
  type Histogram,
  type Meter,
  metrics,
} from '@opentelemetry/api';
import { type MetricRow, PROCESS_METRICS, SECONDS } from './metric-table.ts';

/** What one process does with messages, in numbers. */
export class ProcessMetrics {
  readonly #sent: Counter;
  readonly #consumed: Counter;
  readonly #operation: Histogram;
  readonly #process: Histogram;
  readonly #lag: Histogram;

  private constructor(meter: Meter) {
    const counter = ({ name, unit, describe }: MetricRow): Counter =>
      meter.createCounter(name, { unit, description: describe });
    const histogram = ({ name, unit, describe }: MetricRow): Histogram =>
      meter.createHistogram(name, { unit, description: describe, advice: { explicitBucketBoundaries: [...SECONDS] } });
    this.#sent = counter(PROCESS_METRICS.sent);
    this.#consumed = counter(PROCESS_METRICS.consumed);
    this.#operation = histogram(PROCESS_METRICS.operation);
    this.#process = histogram(PROCESS_METRICS.process);
    this.#lag = histogram(PROCESS_METRICS.lag);
  }

  /** Undefined while the process has no SDK for metrics: what is made before there is one measures nothing for ever. */
  static find(): ProcessMetrics | undefined {
    const meter = metrics.getMeter('waybill');
    return meter === createNoopMeter() ? undefined : new ProcessMetrics(meter);
  }

  /** @param seconds until they were durable, or answered */
  sent(messages: number, seconds: number, labels: Attributes): void {
    this.#sent.add(messages, labels);
    this.#operation.record(seconds, labels);
  }

  /** @param lag of the first attempt @unit seconds */
  began(lag: number | undefined, labels: Attributes): void {
    this.#consumed.add(1, labels);
    if (lag !== undefined) this.#lag.record(Math.max(0, lag), labels);
  }

  /** @param seconds that the attempt took */
  processed(seconds: number, labels: Attributes): void {
    this.#process.record(seconds, labels);
  }
}
