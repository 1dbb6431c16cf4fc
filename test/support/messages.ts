import { randomUUID } from 'node:crypto';
import type { EncodedMessage, Envelope } from '../../src/message.ts';
import type { Address, Outgoing } from '../../src/ports/transport.ts';

export interface MessageSketch extends Partial<Envelope> {
  /** Written with JSON.stringify; `body` goes first. */
  readonly data?: unknown;
  readonly body?: Uint8Array;
}

/** A message with what the test does not care about filled in. */
export function message(sketch: MessageSketch = {}): EncodedMessage {
  const { data, body, ...attributes } = sketch;
  return {
    envelope: {
      id: randomUUID(),
      source: '/tests',
      type: 'shop.order.placed',
      version: 1,
      time: '2026-01-01T00:00:00.000Z',
      ...attributes,
    },
    body: body ?? Buffer.from(JSON.stringify(data ?? { n: 1 })),
  };
}

export function outgoing(sketch: MessageSketch = {}, to: Address = 'bus'): Outgoing {
  return { to, message: message(sketch) };
}

/** Messages with the ids `<prefix>0`, `<prefix>1` ..., all of one key. */
export function series(prefix: string, count: number, sketch: MessageSketch = {}): EncodedMessage[] {
  return Array.from({ length: count }, (_, n) =>
    message({ key: prefix, id: `${prefix}${String(n)}`, data: { n }, ...sketch }),
  );
}

/** `each` messages of each of `keys` keys, the keys in turn: `k0-0`, `k1-0` ... `k0-1`, `k1-1` ... */
export function rounds(keys: number, each: number, from = 0): EncodedMessage[] {
  const messages: EncodedMessage[] = [];
  for (let n = from; n < each; n++) {
    for (let key = 0; key < keys; key++)
      messages.push(message({ key: `k${String(key)}`, id: `k${String(key)}-${String(n)}` }));
  }
  return messages;
}

export function onBus(messages: readonly EncodedMessage[]): Outgoing[] {
  return messages.map((each) => ({ to: 'bus', message: each }));
}

export function idsOf(items: readonly { readonly message: EncodedMessage }[]): string[] {
  return items.map(({ message: { envelope } }) => envelope.id);
}

/** Ids by key, each in the order of `items`. */
export function idsByKey(items: readonly { readonly message: EncodedMessage }[]): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  for (const {
    message: { envelope },
  } of items) {
    const key = envelope.key ?? envelope.id;
    const ids = byKey.get(key);
    if (ids === undefined) byKey.set(key, [envelope.id]);
    else ids.push(envelope.id);
  }
  return byKey;
}
