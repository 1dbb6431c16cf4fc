import { expect } from 'chai';
import fc from 'fast-check';
import { type Batch, type Item, Lanes } from '../../../../src/adapters/rabbitmq/lanes.ts';
import { message } from '../../../support/messages.ts';

interface Sketch {
  readonly key: string | undefined;
  readonly routingKey: string;
  readonly exchange: string;
  readonly alone: boolean;
}

function item({ key, routingKey, exchange, alone }: Sketch, id: string): Item & { id: string } {
  const content = alone
    ? { kind: 'single' as const, message: message({ id }), extras: {} }
    : { kind: 'batchable' as const, message: message({ id }) };
  return { id, exchange, routingKey, key, content, bytes: 10, cancelled: false, finish: () => undefined };
}

const idOf = ({ content }: Item): string => (content.kind === 'raw' ? '' : content.message.envelope.id);

const sketch: fc.Arbitrary<Sketch> = fc
  .record({
    key: fc.constantFrom('a', 'b', 'c', undefined),
    type: fc.constantFrom('order', 'customer', 'refund'),
    exchange: fc.constantFrom('in', 'plain'),
  })
  // As in the product, a key has one slot, and an exchange takes batches or it does not.
  .map(({ key, type, exchange }) => ({
    key,
    exchange,
    routingKey: `${type}.${key ?? '0'}`,
    alone: exchange === 'plain',
  }));

describe('lanes of the publisher', () => {
  it('never have two AMQP messages of a key under way, keep its order, and lose nothing, whatever is cancelled', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: sketch.map((add) => ({ add })) },
      { weight: 2, arbitrary: fc.constant({ take: true }) },
      { weight: 2, arbitrary: fc.nat(5).map((over) => ({ over })) },
      { weight: 1, arbitrary: fc.nat(30).map((cancel) => ({ cancel })) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const lanes = new Lanes({ count: 4, bytes: 1_000 });
        const added: Item[] = [];
        const left: Item[] = [];
        const underWay: Batch[] = [];
        const take = (): boolean => {
          const batch = lanes.next();
          if (batch === undefined) return false;
          const busy = new Set(
            underWay.flatMap(({ items }) =>
              items.map(({ exchange, key }) => (key === undefined ? '' : `${exchange} ${key}`)),
            ),
          );
          for (const { exchange, key } of batch.items) {
            if (key !== undefined) expect(busy.has(`${exchange} ${key}`), `two of ${key}`).to.be.false;
          }
          expect(new Set(batch.items.map(({ exchange, routingKey }) => `${exchange} ${routingKey}`)).size).to.equal(1);
          left.push(...batch.items);
          underWay.push(batch);
          return true;
        };
        const over = (at: number): void => {
          const [batch] = underWay.splice(at % Math.max(1, underWay.length), 1);
          if (batch !== undefined) lanes.release(batch);
        };
        for (const each of steps) {
          if ('add' in each) {
            const next = item(each.add, String(added.length));
            added.push(next);
            lanes.add(next);
          } else if ('over' in each) over(each.over);
          else if ('cancel' in each) {
            const found = added[each.cancel];
            if (found !== undefined && !left.includes(found)) found.cancelled = true;
          } else take();
        }
        while (take() || underWay.length > 0) over(0);
        const expected = added.filter(({ cancelled }) => !cancelled);
        expect(left).to.have.members(expected);
        for (const exchange of ['in', 'plain']) {
          for (const key of ['a', 'b', 'c']) {
            const of = (items: readonly Item[]): string[] =>
              items.filter((each) => each.exchange === exchange && each.key === key).map(idOf);
            expect(of(left), `${exchange} ${key}`).to.deep.equal(of(expected));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('send what waits together, and a lone one at once', () => {
    const lanes = new Lanes({ count: 4, bytes: 1_000 });
    const order = { key: 'a', routingKey: 'order.1', exchange: 'in', alone: false };
    lanes.add(item(order, '0'));
    const first = lanes.next();
    expect(first?.items.map(idOf)).to.deep.equal(['0']);
    for (const id of ['1', '2', '3', '4', '5']) lanes.add(item(order, id));
    expect(lanes.next()).to.equal(undefined);
    if (first !== undefined) lanes.release(first);
    expect(lanes.next()?.items.map(idOf)).to.deep.equal(['1', '2', '3', '4']);
  });

  it('close a batch by bytes', () => {
    const lanes = new Lanes({ count: 100, bytes: 25 });
    for (const id of ['0', '1', '2', '3'])
      lanes.add(item({ key: id, routingKey: 'order.1', exchange: 'in', alone: false }, id));
    expect(lanes.next()?.items.map(idOf)).to.deep.equal(['0', '1']);
  });
});
