import { expect } from 'chai';
import type { EncodedMessage } from '../../src/message.ts';
import { idsByKey } from './messages.ts';

/** Fails unless each key's ids, made by `rounds`, came first in the order 0, 1, 2 ... and all of them; repeats are fine. */
export function expectKeyOrder(items: readonly { readonly message: EncodedMessage }[], each: number): void {
  for (const [key, ids] of idsByKey(items)) {
    const first = [...new Set(ids)];
    expect(first, key).to.deep.equal(Array.from({ length: each }, (_, n) => `${key}-${String(n)}`));
  }
}
