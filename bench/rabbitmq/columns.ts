/** One way of doing the same work. */
export interface Column {
  readonly id: string;
  readonly name: string;
  readonly kind: 'raw' | 'waybill';
  /** Whether messages share AMQP messages. */
  readonly batches: boolean;
  /** Raw only: through two topic exchanges, as Waybill's own road is, and not straight to the queues. */
  readonly exchanges: boolean;
  /** Raw only: with the attributes that make each order a CloudEvent, as Waybill's are, and mandatory. */
  readonly events: boolean;
  /** Waybill only: whether contracts say more than that data is an object. */
  readonly contracts: boolean;
}

function column(id: string, name: string, options: Partial<Column>): Column {
  return { id, name, kind: 'waybill', batches: false, exchanges: false, events: false, contracts: false, ...options };
}

export const RAW_SINGLE = column('raw-single', 'raw amqplib, single', { kind: 'raw' });
export const RAW_TOPICS = column('raw-topics', 'raw single, through 2 exchanges', { kind: 'raw', exchanges: true });
export const RAW_BATCH = column('raw-batch', 'raw, batched by hand', { kind: 'raw', batches: true });
export const RAW_EVENTS = column('raw-events', "raw, by hand, Waybill's format", {
  kind: 'raw',
  batches: true,
  exchanges: true,
  events: true,
});
export const UNBATCHED = column('unbatched', 'Waybill unbatched', {});
export const BATCHED = column('batched', 'Waybill batched', { batches: true });
export const VALIDATED = column('validated', 'Waybill, contracts validated', { batches: true, contracts: true });

export const COLUMNS: readonly Column[] = [
  RAW_SINGLE,
  RAW_TOPICS,
  RAW_BATCH,
  RAW_EVENTS,
  UNBATCHED,
  BATCHED,
  VALIDATED,
];

export const PARTITIONS = 4;
/** Publishes that may wait for their confirm at a time. */
export const IN_FLIGHT = 1_000;
