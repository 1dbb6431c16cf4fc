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
import { failureOf } from '../ports/tracing.ts';
import { type MetricRow, PROCESS_METRICS, SECONDS } from './metric-table.ts';

/** Durations that are measured in a second at most: beyond it some are left out, since each costs more than handing a message on. */
const MOST_A_SECOND = 1_000;

/** Of metrics, whose series must stay few. */
export type Labels = (operation: string, destination: string) => Attributes;

/** Is told the end of what is measured. */
export interface Measure {
  /** @param failure why it failed */
  ended(failure: string | undefined): void;
}

/** Of messages that are being sent. Told its end by one of both. */
export interface SendingMeasure extends Measure {
  /** It ends with `work`, which many may have in common. */
  endsWith(work: Promise<void>): void;
}

/** What one process does with messages, in numbers. */
export class ProcessMetrics {
  readonly #clock: Clock;
  readonly #labels: Labels;
  readonly #operation: Histogram;
  readonly #process: Histogram;
  readonly #lag: Histogram;
  readonly #published = new Map<string, Series>();
  readonly #requested = new Map<string, Series>();
  readonly #consumed = new Map<string, Series>();
  #secondMs = Number.NEGATIVE_INFINITY;
  #left = 0;
  #together: Together | undefined;

  private constructor(meter: Meter, clock: Clock, labels: Labels) {
    this.#clock = clock;
    this.#labels = labels;
    const counter = ({ name, unit, describe }: MetricRow): ObservableCounter =>
      meter.createObservableCounter(name, { unit, description: describe });
    const histogram = ({ name, unit, describe }: MetricRow): Histogram =>
      meter.createHistogram(name, { unit, description: describe, advice: { explicitBucketBoundaries: [...SECONDS] } });
    this.#operation = histogram(PROCESS_METRICS.operation);
    this.#process = histogram(PROCESS_METRICS.process);
    this.#lag = histogram(PROCESS_METRICS.lag);
    counter(PROCESS_METRICS.sent).addCallback((result) => {
      for (const series of [...this.#published.values(), ...this.#requested.values()]) series.tell(result);
    });
    counter(PROCESS_METRICS.consumed).addCallback((result) => {
      for (const series of this.#consumed.values()) series.tell(result);
    });
  }

  /** Undefined while the process has no SDK for metrics: what is made before there is one measures nothing for ever. */
  static find(clock: Clock, labels: Labels): ProcessMetrics | undefined {
    const meter = metrics.getMeter('waybill');
    return meter === createNoopMeter() ? undefined : new ProcessMetrics(meter, clock, labels);
  }

  /** Messages are being made and sent, until they are durable, or answered. */
  sending(operation: 'publish' | 'request', destination: string, messages: number): SendingMeasure {
    const all = operation === 'publish' ? this.#published : this.#requested;
    const series = this.#series(all, operation, destination);
    const began = this.#measures() ? this.#clock.elapsed() : undefined;
    return new Sending(this, series, messages, began);
  }

  /**
   * An attempt begins.
   * @param time of the message, where it is the first attempt
   * @returns undefined where nobody need be told of its end
   */
  processing(endpoint: string, time: string | undefined): Measure | undefined {
    const series = this.#series(this.#consumed, 'process', endpoint);
    series.add(1, undefined);
    if (!this.#measures()) return undefined;
    if (time !== undefined) this.#lag.record(Math.max(0, this.#clock.now() - Date.parse(time)) / 1_000, series.labels);
    const began = this.#clock.elapsed();
    return {
      ended: (failure) => {
        this.#process.record(this.#since(began), series.with(failure));
      },
    };
  }

  /** Messages were sent, or not. @param began where it is measured, by the clock's `elapsed` */
  sent(series: Series, messages: number, began: number | undefined, failure: string | undefined): void {
    series.add(messages, failure);
    if (began !== undefined) this.#operation.record(this.#since(began), series.with(failure));
  }

  /** What is sent until the same promise resolves: one commit may have thousands, and to wait for each would cost more than sending it. */
  together(work: Promise<void>): Together {
    if (this.#together?.work !== work) this.#together = new Together(this, work);
    return this.#together;
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

  #series(all: Map<string, Series>, operation: string, destination: string): Series {
    let series = all.get(destination);
    if (series === undefined) {
      series = new Series(this.#labels(operation, destination));
      all.set(destination, series);
    }
    return series;
  }
}

class Sending implements SendingMeasure {
  readonly #metrics: ProcessMetrics;
  readonly #series: Series;
  readonly #messages: number;
  readonly #began: number | undefined;

  constructor(to: ProcessMetrics, series: Series, messages: number, began: number | undefined) {
    this.#metrics = to;
    this.#series = series;
    this.#messages = messages;
    this.#began = began;
  }

  ended(failure: string | undefined): void {
    this.#metrics.sent(this.#series, this.#messages, this.#began, failure);
  }

  endsWith(work: Promise<void>): void {
    this.#metrics.together(work).add(this.#series, this.#messages, this.#began);
  }
}

/** Messages whose sending ends with one promise. */
class Together {
  readonly work: Promise<void>;
  readonly #amounts = new Map<Series, number>();
  readonly #measured: { readonly series: Series; readonly began: number }[] = [];

  constructor(to: ProcessMetrics, work: Promise<void>) {
    this.work = work;
    const end = (failure: string | undefined): void => {
      for (const [series, amount] of this.#amounts) to.sent(series, amount, undefined, failure);
      for (const { series, began } of this.#measured) to.sent(series, 0, began, failure);
    };
    work.then(
      () => {
        end(undefined);
      },
      (thrown: unknown) => {
        end(failureOf(thrown).type);
      },
    );
  }

  add(series: Series, messages: number, began: number | undefined): void {
    this.#amounts.set(series, (this.#amounts.get(series) ?? 0) + messages);
    if (began !== undefined) this.#measured.push({ series, began });
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
    if (amount === 0) return;
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
