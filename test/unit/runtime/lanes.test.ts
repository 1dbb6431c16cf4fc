import { expect } from 'chai';
import fc from 'fast-check';
import type { Delivery, Lease } from '../../../src/ports/transport.ts';
import { Lanes } from '../../../src/runtime/lanes.ts';

function lease(): { readonly lease: Lease; revoke: () => void } {
  const state = { endpoint: 'oms', partition: 0, revoked: false, signal: new AbortController().signal };
  return {
    lease: state,
    revoke: () => {
      state.revoked = true;
    },
  };
}

function delivery(key: string, id: string, of: Lease): Delivery {
  const envelope = { id, source: '/shop', type: 'shop.order.placed', version: 1, time: '2026-01-01T00:00:00Z', key };
  return { message: { envelope, body: Buffer.from('{}') }, lease: of, attempts: [], suspect: false };
}

describe('lanes', () => {
  it('hands out one task of a key at a time, each key in order, whatever ends when', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }),
        fc.infiniteStream(fc.nat(2)),
        (keys, choices) => {
          const { lease: held } = lease();
          const lanes = new Lanes('key');
          lanes.take(keys.map((key, i) => delivery(key, String(i), held)));
          const out = new Map<string, ReturnType<Lanes['next']>>();
          const seen = new Map<string, number[]>();
          for (;;) {
            const next = lanes.next();
            if (next !== undefined) {
              const { key } = next.task;
              expect(out.has(key)).to.equal(false);
              out.set(key, next);
              continue;
            }
            const [key, ended] = [...out][0] ?? [];
            if (key === undefined || ended === undefined) break;
            out.delete(key);
            if (choices.next().value === 0) lanes.again(ended.lane);
            else {
              seen.set(key, [...(seen.get(key) ?? []), Number(ended.task.delivery.message.envelope.id)]);
              lanes.done(ended.lane);
            }
          }
          const all = [...seen.values()];
          for (const ids of all) expect(ids).to.deep.equal([...ids].sort((a, b) => a - b));
          expect(all.flat()).to.have.length(keys.length);
        },
      ),
    );
  });

  it('hands out tasks side by side when no order is asked for', () => {
    const { lease: held } = lease();
    const lanes = new Lanes('none');
    lanes.take([delivery('a', '1', held), delivery('a', '2', held)]);
    expect(
      [lanes.next(), lanes.next(), lanes.next()].map((next) => next?.task.delivery.message.envelope.id),
    ).to.deep.equal(['1', '2', undefined]);
  });

  it('forgets tasks whose lease is gone, and goes on with those that come again', () => {
    const first = lease();
    const second = lease();
    const lanes = new Lanes('key');
    lanes.take([delivery('a', '1', first.lease), delivery('a', '2', first.lease)]);
    const inHand = lanes.next();
    first.revoke();
    lanes.take([delivery('a', '1', second.lease), delivery('a', '2', second.lease)]);
    expect(lanes.next()).to.equal(undefined);
    if (inHand !== undefined) lanes.done(inHand.lane);
    const again = lanes.next();
    expect(again?.task.delivery.message.envelope.id).to.equal('1');
    expect(again?.task.delivery.lease).to.equal(second.lease);
  });

  it('keeps what is not revoked, in order, when it forgets what is', () => {
    const first = lease();
    const second = lease();
    const lanes = new Lanes('key');
    lanes.take([delivery('a', '1', first.lease), delivery('a', '2', second.lease), delivery('a', '3', first.lease)]);
    const inHand = lanes.next();
    expect(lanes.next()).to.equal(undefined);
    lanes.take([delivery('a', '4', first.lease), delivery('a', '5', second.lease), delivery('b', '6', second.lease)]);
    first.revoke();
    lanes.forgetRevoked();
    expect(lanes.next()?.task.delivery.message.envelope.id).to.equal('6');
    expect(inHand?.lane.tasks.map((task) => task.delivery.message.envelope.id)).to.deep.equal(['1', '2', '5']);
  });
});
