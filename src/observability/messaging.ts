import { type EncodedMessage, typeRef } from '../message.ts';
import type { Delivery } from '../ports/transport.ts';

/** What carries the messages, as the conventions name it. */
export interface Carrier {
  /** `messaging.system`: a value of the conventions, or `waybill` where there is no broker. */
  readonly system: 'rabbitmq' | 'waybill';
  readonly bus: string;
  readonly address?: string;
  readonly port?: number;
}

/** Names and values. */
type Attributes = Readonly<Record<string, string | number>>;

/** Of `messaging.operation.type`. */
export type OperationType = 'send' | 'process' | 'receive';

/**
 * Attributes by the OpenTelemetry messaging conventions (1.38, in development), with Waybill's own under `waybill.`. Nothing of `data`
 * is among them, and no key: it may be a person's.
 */
export class MessagingAttributes {
  readonly #system: string;
  readonly #common: Attributes;

  constructor({ system, bus, address, port }: Carrier) {
    this.#system = system;
    this.#common = {
      'messaging.system': system,
      'waybill.bus': bus,
      ...(address !== undefined && { 'server.address': address }),
      ...(port !== undefined && { 'server.port': port }),
    };
  }

  of(operation: string, type: OperationType | undefined, destination: string): Attributes {
    return {
      ...this.#common,
      'messaging.operation.name': operation,
      ...(type !== undefined && { 'messaging.operation.type': type }),
      'messaging.destination.name': destination,
    };
  }

  /** Of metrics, whose series must stay few. */
  labels(operation: string, destination: string): Attributes {
    return {
      'messaging.system': this.#system,
      'messaging.operation.name': operation,
      'messaging.destination.name': destination,
    };
  }

  message({ envelope, body }: EncodedMessage): Attributes {
    const { id, correlationId, type, version } = envelope;
    return {
      'messaging.message.id': id,
      ...(correlationId !== undefined && { 'messaging.message.conversation_id': correlationId }),
      'messaging.message.body.size': body.byteLength,
      'waybill.message.type': typeRef(type, version),
    };
  }

  delivery({ message, lease }: Delivery, attempt: number): Attributes {
    return {
      ...this.of('process', 'process', lease.endpoint),
      ...this.message(message),
      'messaging.destination.partition.id': String(lease.partition),
      'waybill.delivery.attempt': attempt,
    };
  }
}
