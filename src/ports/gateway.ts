/**
 * What transport and router agree on about clients without the SDK: these publish at the gateway, whose endpoint the router
 * attends, and the transport vouches for who they are.
 */

/** The endpoint of what clients without the SDK publish. */
export const GATEWAY = 'gateway';

/**
 * Extension attributes that only the transport writes on what arrives at the gateway, in place of any that the client wrote.
 * They stay with the message in a dead letter, so that a redriven one is still known to be whose it is. They do not leave the
 * gateway.
 */
export const SENDER = {
  /** The login, which the broker has checked. Absent when the client did not say it. */
  user: 'gatewayuser',
  /** The routing key under which it was allowed to publish. */
  topic: 'gatewaytopic',
} as const;
