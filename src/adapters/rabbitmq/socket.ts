import { Duplex } from 'node:stream';
import type { Connection } from 'amqplib';

/** What amqplib writes a connection to. Of its inside: should it change, there is none. */
export function socketOf(connection: Connection): Duplex | undefined {
  const stream: unknown = 'stream' in connection ? connection.stream : undefined;
  return stream instanceof Duplex ? stream : undefined;
}
