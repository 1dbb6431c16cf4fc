import { toError, WaybillError } from '../../errors.ts';

/** How publishing fails, by name. */

/** Whether amqplib throws because the channel has just closed. */
export function isClosedChannel(error: unknown): boolean {
  return error instanceof Error && /channel clos|connection clos|channel ended/i.test(error.message);
}

export function closed(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the connection was closed before the message was durable');
}

/** @param key the routing key under which the parking lot got it */
export function parkingFull(key: string): WaybillError {
  const type = key.slice(0, key.lastIndexOf('.')).replaceAll('/', '.');
  return new WaybillError('WB_PARKING_FULL', `no route takes ${type}, and the parking lot is full`, {
    fix: 'Add a route for the type, or redrive or discard parked messages.',
  });
}

/** Why the broker closed the publishing channel. @param exchange to which it would not publish, if it says so */
export function channelError(cause: Error, exchange: string | undefined): WaybillError {
  if (exchange === undefined) {
    return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `RabbitMQ closed the channel: ${cause.message}`, {
      retryable: true,
      cause,
    });
  }
  if (/ACCESS_REFUSED/.test(cause.message)) {
    return new WaybillError('WB_TRANSPORT_REFUSED', `this user may not publish to the exchange ${exchange}`, {
      fix: 'Run `waybill grants`, and set what it prints for this user.',
      cause,
    });
  }
  return new WaybillError('WB_PLAN_NOT_APPLIED', `the broker has no exchange ${exchange}`, {
    fix: 'Run `waybill apply`.',
    cause,
  });
}

export function unwritable(error: unknown): WaybillError {
  return new WaybillError('WB_MESSAGE_INVALID', `the message cannot be written as AMQP: ${toError(error).message}`, {
    cause: error,
  });
}
