import type { EncodedMessage } from '../../message.ts';
import { ByteWriter } from './byte-writer.ts';
import { DATA, HeadWriter } from './member-head.ts';

/** Room for the head of a member; more is made where it needs it. @unit bytes */
const HEAD_ROOM = 512;

const OPEN = Buffer.from('[');
const NEXT = Buffer.from('},');
/** Of the last member and of the list. */
const END = Buffer.from('}]');

/**
 * The standard JSON batch (CloudEvents 1.0, JSON format, 4.1), in which each member's `data` stands byte for byte.
 *
 * Written piece by piece into one buffer: a string for each member is a large part of what publishing costs.
 */
export function batchBody(messages: readonly EncodedMessage[]): { readonly body: Buffer; readonly offsets: Buffer } {
  let size = END.length;
  for (const { body } of messages) size += HEAD_ROOM + body.byteLength;
  const writer = new ByteWriter(size);
  const heads = new HeadWriter(writer);
  const offsets = Buffer.allocUnsafe(messages.length * 8);
  messages.forEach(({ envelope, body }, n) => {
    writer.bytes(n === 0 ? OPEN : NEXT);
    heads.write(envelope);
    writer.bytes(DATA);
    offsets.writeUInt32BE(writer.length, n * 8);
    writer.bytes(body);
    offsets.writeUInt32BE(writer.length, n * 8 + 4);
  });
  writer.bytes(END);
  return { body: writer.written(), offsets };
}
