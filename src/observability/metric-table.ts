/** What the bus measures. The reference, the dashboard and the alert rules are checked against it. */

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface MetricRow {
  readonly name: string;
  readonly kind: MetricKind;
  /** UCUM, as OpenTelemetry writes it. */
  readonly unit: string;
  /** Each takes its values from the plan or from a list that is written here, so that series stay few. */
  readonly labels: readonly string[];
  readonly describe: string;
}

const row = (name: string, kind: MetricKind, unit: string, labels: readonly string[], describe: string): MetricRow => ({
  name,
  kind,
  unit,
  labels,
  describe,
});

/** Of the whole bus, as its transport counts it, told by each process that runs the router: take `max`, not `sum`, over processes. */
export const BUS_METRICS = {
  backlog: row('waybill.endpoint.backlog', 'gauge', '{message}', ['endpoint'], 'Messages that nobody has in hand yet.'),
  inHand: row(
    'waybill.endpoint.in_hand',
    'gauge',
    '{message}',
    ['endpoint'],
    'Messages delivered and not yet settled.',
  ),
  delayed: row(
    'waybill.endpoint.delayed',
    'gauge',
    '{message}',
    ['endpoint'],
    'Messages that wait for a delayed attempt, or for their time.',
  ),
  oldest: row(
    'waybill.endpoint.oldest',
    'gauge',
    's',
    ['endpoint'],
    'Age of the oldest message that is not settled, 0 where there is none, NaN where nobody can tell.',
  ),
  consumers: row('waybill.endpoint.consumers', 'gauge', '{consumer}', ['endpoint'], 'Processes that take from it.'),
  heldKeys: row(
    'waybill.endpoint.held_keys',
    'gauge',
    '{key}',
    ['endpoint'],
    'Keys that are held by a failing delivery.',
  ),
  paused: row(
    'waybill.endpoint.paused',
    'gauge',
    '1',
    ['endpoint'],
    '1 while it takes nothing: an outage, or by hand.',
  ),
  attended: row(
    'waybill.partition.attended',
    'gauge',
    '{consumer}',
    ['endpoint', 'partition'],
    'Processes that are attached to a partition, where several share them: one is active, the others stand by.',
  ),
  outcomes: row(
    'waybill.endpoint.outcomes',
    'counter',
    '{delivery}',
    ['endpoint', 'outcome'],
    'Deliveries by how they ended, and attempts that failed or were made again.',
  ),
  routes: row(
    'waybill.route.messages',
    'counter',
    '{message}',
    ['route', 'outcome'],
    'Messages that a route took `in`, sent `out`, `filtered`, `faulted` on, `merged` or found `duplicate`.',
  ),
  published: row(
    'waybill.service.published',
    'counter',
    '{message}',
    ['service'],
    'Messages that a service handed to the bus.',
  ),
  dead: row('waybill.dead_letters', 'gauge', '{message}', [], 'Dead letters that wait for a person.'),
  parked: row('waybill.parked', 'gauge', '{message}', [], 'Messages that no route took.'),
  scheduled: row('waybill.delayed', 'gauge', '{message}', [], 'All messages that wait for their time.'),
  unconfirmed: row(
    'waybill.publisher.unconfirmed',
    'gauge',
    '{message}',
    [],
    'Messages sent to RabbitMQ that it has not confirmed yet.',
  ),
  connected: row(
    'waybill.transport.connected',
    'gauge',
    '1',
    [],
    '1 while this process is connected to its transport.',
  ),
  blocked: row('waybill.transport.blocked', 'gauge', '1', [], '1 while the broker takes no messages.'),
  breaker: row(
    'waybill.source.breaker_open',
    'gauge',
    '1',
    ['source'],
    '1 while this process leaves a source alone, because it failed time after time.',
  ),
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Of one process, by the OpenTelemetry messaging conventions, with the lag that those lack. */
export const PROCESS_METRICS = {
  sent: row(
    'messaging.client.sent.messages',
    'counter',
    '{message}',
    ['messaging.system', 'messaging.operation.name', 'messaging.destination.name', 'error.type'],
    'Messages that this process published; those that failed have `error.type`.',
  ),
  operation: row(
    'messaging.client.operation.duration',
    'histogram',
    's',
    ['messaging.system', 'messaging.operation.name', 'messaging.destination.name', 'error.type'],
    'How long publishing took until the messages were durable, or a request until its answer.',
  ),
  consumed: row(
    'messaging.client.consumed.messages',
    'counter',
    '{message}',
    ['messaging.system', 'messaging.operation.name', 'messaging.destination.name'],
    'Attempts that this process began.',
  ),
  process: row(
    'messaging.process.duration',
    'histogram',
    's',
    ['messaging.system', 'messaging.operation.name', 'messaging.destination.name', 'error.type'],
    'How long one attempt took.',
  ),
  lag: row(
    'waybill.process.lag',
    'histogram',
    's',
    ['messaging.system', 'messaging.operation.name', 'messaging.destination.name'],
    'How old a message was when its first attempt began: the backlog, as the message saw it.',
  ),
} as const satisfies Readonly<Record<string, MetricRow>>;

/** Buckets of durations, as the conventions ask for. @unit seconds */
export const SECONDS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export const ALL_METRICS: readonly MetricRow[] = [...Object.values(BUS_METRICS), ...Object.values(PROCESS_METRICS)];
