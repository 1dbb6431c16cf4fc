import type { Connection } from 'amqplib';
import { socketOf } from './socket.ts';

/**
 * Hands what amqplib writes in one turn of the event loop to the system in one call: it writes each frame by itself, and a
 * call for each frame costs more than all else that a small message needs. Nothing is held back beyond the turn.
 */
export function gatherWrites(connection: Connection): void {
  const stream = socketOf(connection);
  // Then writes are as they were.
  if (stream === undefined) return;
  const write = stream.write.bind(stream);
  let corked = false;
  const gathered = (chunk: Buffer): boolean => {
    if (!corked) {
      corked = true;
      stream.cork();
      process.nextTick(() => {
        corked = false;
        stream.uncork();
      });
    }
    return write(chunk);
  };
  // Writable, since Node puts another in its place when the other end hangs up.
  Object.defineProperty(stream, 'write', { value: gathered, writable: true, configurable: true });
}
