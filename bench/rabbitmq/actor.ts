import type { Load } from './load.ts';

/** What a process of the bench does, raw or through Waybill. */
export interface Publisher {
  /** Calls `done` when the message is durable. */
  publish(load: Load, done: () => void): void;
  /** Nothing more comes for now: what waits for a batch to fill leaves. */
  flush(): void;
  /** AMQP messages and messages so far. */
  sent(): Promise<{ readonly parcels: number; readonly messages: number }>;
  close(): Promise<void>;
}

export interface Consumer {
  close(): Promise<void>;
}

/** Is told the moment at which each message that arrives was sent. */
export type Arrived = (sentAt: number) => void;

/** Where a column finds its bus or its queues. */
export interface Site {
  readonly url: string;
  /** Names of queues and exchanges begin with it. */
  readonly prefix: string;
  /** Of `waybill.yaml`. */
  readonly folder: string;
  readonly hops: 1 | 2;
}
