import {
  type Attributes,
  createNoopMeter,
  type Histogram,
  type Meter,
  metrics,
  type ObservableCounter,
  type ObservableResult,
} from '@opentelemetry/api';
import type { Clock } from '../ports/clock.ts';
import { type MetricRow, PROCESS_METRICS, SECONDS } from './metric-table.ts';

/** Durations that are measured in a second at most: beyond it some are left out, since each costs more than handing a message on. */
const MOST_A_SECOND = 1_000;

/** What one process does with messages, in numbers. */
export class ProcessMetrics {
  readonly #clock: Clock;
  readonly #operation: Histogram;
  readonly #process: Histogram;
  readonly #lag: Histogram;
  readonly #sent = new Map<string, Series>();
  readonly #consumed = new Map<string, Series>();
  #secondMs = Number.NEGATIVE_INFINITY;
  #left = 0;

  private constructor(meter: Meter, clock: Clock) {
    this.#clock = clock;
    const counter = ({ name, unit, describe }: MetricRow): ObservableCounter =>
      meter.createObservableCounter(name, { unit, description: describe });
    const histogram = ({ name, unit, describe }: MetricRow): Histogram =>
      meter.createHistogram(name, { unit, description: describe, advice: { explicitBucketBoundaries: [...SECONDS] } });
    this.#operation = histogram(PROCESS_METRICS.operation);
    this.#process = histogram(PROCESS_METRICS.process);
    this.#lag = histogram(PROCESS_METRICS.lag);
    counter(PROCESS_METRICS.sent).addCallback((result) => {
      for (const series of this.#sent.values()) series.tell(result);
    });
    counter(PROCESS_METRICS.consumed).addCallback((result) => {
      for (const series of this.#consumed.values()) series.tell(result);
    });
  }

  /** Undefined while the process has no SDK for metrics: what is made before there is one measures nothing for ever. */
  static find(clock: Clock): ProcessMetrics | undefined {
    const meter = metrics.getMeter('waybill');
    return meter === createNoopMeter() ? undefined : new ProcessMetrics(meter, clock);
  }

  /** Messages that are being sent. @returns to be called when they are durable, or answered */
  sending(messages: number, name: string, labels: () => Attributes): (failure: string | undefined) => void {
    const series = seriesOf(this.#sent, name, labels);
    const began = this.#clock.elapsed();
    return (failure) => {
      series.add(messages, failure);
      if (this.#measures()) this.#operation.record(this.#since(began), series.with(failure));
    };
  }

  /**
   * An attempt begins.
   * @param time of the message, where it is the first attempt
   * @returns to be called at its end
   */
  processing(time: string | undefined, name: string, labels: () => Attributes): (failure: string | undefined) => void {
    const series = seriesOf(this.#consumed, name, labels);
    const began = this.#clock.elapsed();
    series.add(1, undefined);
    const measures = this.#measures();
    if (measures && time !== undefined) {
      this.#lag.record(Math.max(0, this.#clock.now() - Date.parse(time)) / 1_000, series.labels);
    }
    return (failure) => {
      if (measures) this.#process.record(this.#since(began), series.with(failure));
    };
  }

  #since(began: number): number {
    return (this.#clock.elapsed() - began) / 1_000;
  }

  #measures(): boolean {
    const now = this.#clock.elapsed();
    if (now - this.#secondMs >= 1_000) {
      this.#secondMs = now;
      this.#left = MOST_A_SECOND;
    }
    return this.#left-- > 0;
  }
}

/** What is counted under the same labels. */
class Series {
  readonly labels: Attributes;
  #count = 0;
  readonly #failed = new Map<string, number>();

  constructor(labels: Attributes) {
    this.labels = labels;
  }

  add(amount: number, failure: string | undefined): void {
    if (failure === undefined) this.#count += amount;
    else this.#failed.set(failure, (this.#failed.get(failure) ?? 0) + amount);
  }

  with(failure: string | undefined): Attributes {
    return failure === undefined ? this.labels : { ...this.labels, 'error.type': failure };
  }

  tell(result: ObservableResult): void {
    if (this.#count > 0) result.observe(this.#count, this.labels);
    for (const [failure, count] of this.#failed) result.observe(count, this.with(failure));
  }
}

function seriesOf(all: Map<string, Series>, name: string, labels: () => Attributes): Series {
  let series = all.get(name);
  if (series === undefined) {
    series = new Series(labels());
    all.set(name, series);
  }
  return series;
}
