import type { Consumer, Delivery, Transport } from '../../../src/index.ts';

/**
 * Where a process is killed. Each is seen from outside: at the calls a service makes of its transport and the transport of
 * it, so the product needs no hook.
 */
export const POINTS = [
  /** A send was handed over and is not yet confirmed. */
  'before confirm',
  /** A send is confirmed, and its caller does not know yet. */
  'after confirm',
  /** A handler or a route has its result, and the settlement was not yet asked for. */
  'before settlement',
  /** The settlement was asked for and is not yet confirmed. */
  'during settlement',
  /** The settlement is confirmed, and the dispatcher does not know yet. */
  'after settlement',
  /** Not the first delivery of a batch is in hand. */
  'inside a batch',
  /** The process is closing. */
  'during close',
] as const;

export type Point = (typeof POINTS)[number];

export interface TrapPlan {
  readonly point: Point;
  /** At which passing of the point, counted from 1. */
  readonly nth: number;
  /** Turns of the event loop after it. */
  readonly turns: number;
}

/** Ends its own process, as an outage of power does, when it passes a point for the nth time. */
export class Trap {
  readonly #plan: TrapPlan | undefined;
  #left: number;

  constructor(plan: TrapPlan | undefined) {
    this.#plan = plan;
    this.#left = plan?.nth ?? 0;
  }

  pass(point: Point): void {
    if (this.#plan?.point !== point || --this.#left !== 0) return;
    this.#later(this.#plan.turns);
  }

  /** Calls `close` when the trap is to spring while the process closes, at the latest when it has closed. */
  armClose(close: () => Promise<unknown>): void {
    if (this.#plan?.point !== 'during close') return;
    const { nth, turns } = this.#plan;
    setTimeout(() => {
      close().then(kill, kill);
      this.#later(turns);
    }, 20 * nth);
  }

  /** Watches the calls of a transport. Before it consumes. */
  watch(transport: Transport): void {
    const send = transport.send.bind(transport);
    transport.send = async (...args) => {
      const sent = send(...args);
      this.pass('before confirm');
      await sent;
      this.pass('after confirm');
    };
    const consume = transport.consume.bind(transport);
    transport.consume = async (endpoint, options) => {
      const receive = (deliveries: readonly Delivery[]): void => {
        options.receive(deliveries);
        for (const _ of deliveries.slice(1)) this.pass('inside a batch');
      };
      return this.#watchConsumer(await consume(endpoint, { ...options, receive }));
    };
  }

  #watchConsumer(consumer: Consumer): Consumer {
    const settle = consumer.settle.bind(consumer);
    consumer.settle = async (...args) => {
      this.pass('before settlement');
      const settled = settle(...args);
      this.pass('during settlement');
      await settled;
      this.pass('after settlement');
    };
    return consumer;
  }

  #later(turns: number): void {
    if (turns === 0) kill();
    setImmediate(() => {
      this.#later(turns - 1);
    });
  }
}

function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}
