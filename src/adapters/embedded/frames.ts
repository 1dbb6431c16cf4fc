import type { Socket } from 'node:net';
import { WaybillError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import { type Packed, pack, unpack } from './codec.ts';
import { isRecord } from './shapes.ts';
import { Slab } from './slab.ts';

/**
 * What goes over the socket: length of all that follows (4 bytes, little endian), length of the header (4), the header as
 * JSON, and as the rest the frame's messages as `pack` writes them, if there are any.
 */
export interface Frame {
  readonly header: Readonly<Record<string, unknown>>;
  readonly packed: Packed;
}

const NOTHING: Packed = { messages: [], extras: undefined };
/** A longer frame is a sign of a peer that speaks something else. @unit bytes */
const LONGEST = 512 * 1024 * 1024;

export function writeFrame(
  socket: Socket,
  header: object,
  messages: readonly EncodedMessage[] = [],
  extras?: readonly unknown[],
): void {
  if (socket.destroyed || !socket.writable) return;
  const head = Buffer.from(JSON.stringify(header), 'utf8');
  const rest = messages.length === 0 ? Buffer.alloc(0) : pack(new Slab(0), messages, extras);
  const sizes = Buffer.allocUnsafe(8);
  sizes.writeUInt32LE(4 + head.length + rest.length, 0);
  sizes.writeUInt32LE(head.length, 4);
  socket.cork();
  socket.write(sizes);
  socket.write(head);
  if (rest.length > 0) socket.write(rest);
  socket.uncork();
}

/** Calls `onFrame` for each whole frame. A peer that breaks the protocol is cut off, and `onFault` is told. */
export function readFrames(socket: Socket, onFrame: (frame: Frame) => void, onFault: (error: Error) => void): void {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = 4;
  const gather = (): Buffer => {
    const [only] = chunks;
    const all = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, held);
    chunks = [all];
    return all;
  };
  const take = (): void => {
    while (held >= wanted) {
      const all = gather();
      const size = all.readUInt32LE(0);
      if (size < 4 || size > LONGEST) throw broken(`a frame of ${String(size)} bytes`);
      wanted = 4 + size;
      if (held < wanted) return;
      const rest = all.subarray(wanted);
      chunks = rest.length === 0 ? [] : [rest];
      held = rest.length;
      const frame = parse(all.subarray(4, wanted));
      wanted = 4;
      onFrame(frame);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    held += chunk.length;
    try {
      take();
    } catch (thrown) {
      onFault(thrown instanceof Error ? thrown : new Error(String(thrown)));
      socket.destroy();
    }
  });
}

function parse(bytes: Buffer): Frame {
  const headBytes = bytes.readUInt32LE(0);
  const end = 4 + headBytes;
  if (end > bytes.length) throw broken('a header that is longer than its frame');
  const header: unknown = JSON.parse(bytes.toString('utf8', 4, end));
  if (!isRecord(header)) throw broken('a header that is not an object');
  return { header, packed: end === bytes.length ? NOTHING : unpack(bytes.subarray(end)) };
}

export function broken(what: string): WaybillError {
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `the process at the other end of the socket sent ${what}`, {
    fix: 'Let all processes of the folder run the same version of Waybill.',
  });
}
