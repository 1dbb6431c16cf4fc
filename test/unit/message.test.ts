import { expect } from 'chai';
import fc from 'fast-check';
import {
  derivedId,
  type Envelope,
  earliest,
  orderingKey,
  parseTypeRef,
  partitionOf,
  slotOf,
  slotsFor,
  typeRef,
} from '../../src/message.ts';

/** FNV-1a, 32 bits, by the book: over UTF-8 bytes, with BigInt. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5n;
  for (const byte of Buffer.from(text, 'utf8')) hash = ((hash ^ BigInt(byte)) * 0x01000193n) & 0xffffffffn;
  return Number(hash);
}

const envelope: Envelope = {
  id: 'm-1',
  source: '/shop',
  type: 'shop.order.placed',
  version: 1,
  time: '2025-01-01T00:00:00Z',
};

describe('a type reference', () => {
  it('joins a type and a major version, and comes apart again', () => {
    expect(typeRef('shop.order.placed', 2)).to.equal('shop.order.placed@2');
    expect(parseTypeRef('shop.order.placed@2')).to.deep.equal({ type: 'shop.order.placed', version: 2 });
  });

  it('is refused when it is not two lower-case words or more and a major version', () => {
    for (const bad of [
      '',
      'shop',
      'shop@1',
      'shop.order',
      'shop.order@0',
      'shop.order@01',
      'Shop.order@1',
      'shop..order@1',
      'shop.order@1.2',
      '1shop.order@1',
      'shop.order@1 ',
    ]) {
      expect(parseTypeRef(bad), bad).to.equal(undefined);
    }
  });
});

describe('the slot of a key', () => {
  it('keeps the published test vectors of FNV-1a', () => {
    // From the reference tables of the Fowler/Noll/Vo hash; 2^32 slots would show the hash itself.
    expect(fnv1a('')).to.equal(0x811c9dc5);
    expect(fnv1a('a')).to.equal(0xe40c292c);
    expect(fnv1a('foobar')).to.equal(0xbf9cf968);
    expect(slotOf('foobar', 64)).to.equal(0xbf9cf968 % 64);
  });

  it('agrees with the hash over UTF-8 bytes for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(1, 2, 16, 64), (key, slots) => {
        expect(slotOf(key, slots)).to.equal(fnv1a(key) % slots);
      }),
    );
  });

  it('spreads keys over all slots, and slots over all partitions', () => {
    const slots = new Set(Array.from({ length: 1_000 }, (_, n) => slotOf(`order-${String(n)}`, 16)));
    expect(slots.size).to.equal(16);
    expect(new Set([...slots].map((slot) => partitionOf(slot, 3)))).to.deep.equal(new Set([0, 1, 2]));
  });
});

describe('the slots of a bus', () => {
  const largestShare = (partitions: number): number => {
    const slots = slotsFor([partitions]);
    const counts = Array.from({ length: slots }, (_, slot) => partitionOf(slot, partitions));
    const of = (partition: number): number => counts.filter((each) => each === partition).length;
    return (of(0) / slots) * partitions;
  };

  it('are few, a power of two, and fill each partition about as much as the next', () => {
    expect([1, 2, 3, 4, 5, 8, 12, 17, 32, 64].map((count) => slotsFor([count]))).to.deep.equal([
      4, 4, 16, 4, 32, 8, 64, 64, 32, 64,
    ]);
    for (const count of [1, 2, 4, 8, 16, 32, 64]) expect(largestShare(count), String(count)).to.equal(1);
    for (let count = 3; count <= 16; count++) expect(largestShare(count), String(count)).to.be.at.most(1.25);
    for (let count = 17; count < 64; count++) expect(largestShare(count), String(count)).to.be.below(2);
  });

  it('are enough for each of several endpoints', () => {
    expect(slotsFor([])).to.equal(4);
    expect(slotsFor([4, 3, 1])).to.equal(16);
    expect(slotsFor([32, 3])).to.equal(32);
  });
});

describe('the id of a result', () => {
  it('is no option of a command line, whatever it is derived from, and one of its own all the same', () => {
    const ids = Array.from({ length: 2_000 }, (_, n) => derivedId({ ...envelope, id: String(n) }, 'route', 0));
    expect(ids.filter((id) => !/^[A-Za-z0-9_][A-Za-z0-9_-]{26}$/.test(id))).to.deep.equal([]);
    expect(new Set(ids).size).to.equal(ids.length);
  });
});

describe('the ordering key', () => {
  it('is the key, and the id without one', () => {
    expect(orderingKey({ ...envelope, key: 'o-7' })).to.equal('o-7');
    expect(orderingKey(envelope)).to.equal('m-1');
  });
});

describe('the earliest of some times', () => {
  it('goes by the moment, not by the text, and passes over what is no time', () => {
    expect(earliest(['2026-01-01T02:00:00+02:00', '2026-01-01T00:30:00Z', 'yesterday', undefined])).to.equal(
      '2026-01-01T02:00:00+02:00',
    );
    expect(earliest(['2026-01-01T00:30:00Z', '2026-01-01T00:10:00Z'])).to.equal('2026-01-01T00:10:00Z');
    expect(earliest(['yesterday', undefined])).to.equal(undefined);
  });
});
