import { expect } from 'chai';
import { NUMBER, object, TEXT } from '../../support/definitions.ts';
import type { RouteRun } from '../../support/route-run.ts';
import { SAGA, sagaFaults, sagaOf, said } from '../../support/saga.ts';

const placed = () => said('shop.order.placed');
const captured = () => said('payment.captured', { payment: 'p1' });
const missing = () => said('stock.missing');
const reserved = () => said('stock.reserved');

const CAPTURE = 'payment {"order":"o","amount":12}';
const RESERVE = 'stock {"order":"o"}';
const REFUND = 'payment {"order":"o","payment":"p1"}';

async function sentOf(run: RouteRun, ...messages: ReturnType<typeof said>[]): Promise<readonly string[]> {
  const sent: string[] = [];
  for (const each of messages) {
    const { sent: more, dead } = await run.take(each);
    sent.push(...more, ...(dead === undefined ? [] : [`dead ${dead}`]));
  }
  return sent;
}

describe('process', () => {
  it('leads through its states, sends what each asks for, and keeps what it is told', async () => {
    const run = sagaOf();
    expect(await sentOf(run, placed())).to.deep.equal([CAPTURE]);
    expect(await sentOf(run, captured())).to.deep.equal([RESERVE]);
    expect(await sentOf(run, reserved())).to.deep.equal(['shipping {"order":"o","amount":12}']);
  });

  it('sends under ids that a repeat would have too, with the causation, and the key of the contract', async () => {
    const [first, second] = [sagaOf(), sagaOf()];
    for (const run of [first, second]) await run.take(said('shop.order.placed', {}, 'm'));
    const [sent, again] = [first, second].map(({ sends }) => sends[0]?.message.envelope);
    expect(sent).to.deep.equal(again);
    expect(sent).to.deep.include({ source: '/retail/r', causationId: 'm', key: 'o', type: 'payment.capture' });
  });

  it('tells processes apart by their key, each type by its own or all by one expression', async () => {
    const run = sagaOf();
    const other = said('shop.order.placed', { id: 'x', total: 3 });
    expect(await sentOf(run, placed(), other, captured())).to.deep.equal([
      CAPTURE,
      'payment {"order":"x","amount":3}',
      RESERVE,
    ]);
    const one = sagaOf(SAGA.replace(/^by: .*/m, "by: meta.?key.orValue('')"));
    expect(await sentOf(one, placed(), other)).to.deep.equal([
      CAPTURE,
      'dead WB_PROCESS_UNHANDLED step 1 (process): paying does nothing with it',
    ]);
  });

  it('undoes what was done, the last first, before it sends anything else', async () => {
    const twice = SAGA.replace(
      'undo: { service: payment',
      'undo: [{ service: stock, type: stock.release@1, set: { order: data.order } }, { service: payment',
    ).replace('payment: data.payment } }\n        to: reserving', 'payment: data.payment } }]\n        to: reserving');
    expect(await sentOf(sagaOf(twice), placed(), captured(), missing())).to.deep.equal([
      CAPTURE,
      RESERVE,
      REFUND,
      'stock {"order":"o"}',
      'bus {"order":"o","why":"out of stock"}',
    ]);
    expect(await sentOf(sagaOf(), placed(), captured(), missing())).to.deep.equal([
      CAPTURE,
      RESERVE,
      REFUND,
      'bus {"order":"o","why":"out of stock"}',
    ]);
  });

  it('gives what it sends in one go ids of their own', async () => {
    const run = sagaOf();
    await sentOf(run, placed(), captured(), missing());
    const ids = run.sends.map(({ message }) => message.envelope.id);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  describe('a state that lasts too long', () => {
    it('does what its timeout says, once', async () => {
      const run = sagaOf();
      await run.take(placed());
      expect(run.waits).to.deep.equal([1_800_000]);
      expect(await run.advance(1_799_999)).to.deep.equal([]);
      expect(await run.advance(1)).to.deep.equal(['bus {"order":"o","why":"nobody paid"}']);
      expect(await sentOf(run, captured())).to.deep.equal([
        'dead WB_PROCESS_ENDED step 1 (process): its process ended as cancelled before it came',
      ]);
    });

    it('undoes what was done by messages of other types', async () => {
      const run = sagaOf();
      await sentOf(run, placed(), captured());
      expect(await run.advance(3_600_000)).to.deep.equal([REFUND]);
      expect(run.sends.at(-1)?.message.envelope).to.deep.include({ type: 'payment.refund', key: 'o' });
    });

    it('is none once it was left', async () => {
      const run = sagaOf();
      await sentOf(run, placed(), captured(), reserved());
      expect(await run.advance(7_200_000)).to.deep.equal([]);
    });

    it('waits anew when it is entered again, and not when it only stays', async () => {
      const waiting = (to: string): RouteRun =>
        sagaOf(
          `
keep: fulfilment.order@1
start: { shop.order.placed@1: { set: { order: data.id, total: data.total }, to: open } }
states:
  open:
    on: { stock.reserved@1: { ${to} } }
    timeout: { after: 10m, to: over, send: { publish: shop.order.cancelled@1, set: { order: data.order, why: { $const: late } } } }
  over: { end: true }`,
          { from: ['shop.order.placed@1', 'stock.reserved@1'] },
        );
      const late = ['bus {"order":"o","why":"late"}'];
      for (const [to, left] of [
        ['to: open', 600_000],
        ['', 300_000],
      ] as const) {
        const run = waiting(to);
        await run.take(placed());
        run.nowMs += 300_000;
        await run.take(reserved());
        expect(await run.advance(left - 1), to).to.deep.equal([]);
        expect(await run.advance(1), to).to.deep.equal(late);
      }
    });

    it('is told from one of an earlier process of the same key', async () => {
      const run = sagaOf(`${SAGA}\nlate: new\nremember: 1s`);
      await sentOf(run, placed(), said('payment.refused', { why: 'no' }));
      run.nowMs += 60_000;
      expect(await sentOf(run, placed())).to.deep.equal([CAPTURE]);
      expect(await run.advance(1_740_000)).to.deep.equal([]);
      expect(await run.advance(60_000)).to.deep.equal(['bus {"order":"o","why":"nobody paid"}']);
    });
  });

  describe('a message that does not fit', () => {
    it('is a duplicate when it did something before, also once the process has ended', async () => {
      const run = sagaOf();
      const [first, last] = [placed(), said('payment.refused', { why: 'no' })];
      await run.take(first);
      expect((await run.take(first)).result).to.deep.include({ absorbed: 'duplicate', sends: [] });
      await run.take(last);
      expect((await run.take(last)).result).to.deep.include({ absorbed: 'duplicate', sends: [] });
    });

    it('is a dead letter by name, or filtered out', async () => {
      const run = sagaOf();
      expect(await sentOf(run, captured())).to.deep.equal([
        'dead WB_PROCESS_UNKNOWN step 1 (process): there is no process that it belongs to, and it begins none',
      ]);
      expect(await sentOf(run, placed(), reserved())).to.deep.equal([
        CAPTURE,
        'dead WB_PROCESS_UNHANDLED step 1 (process): paying does nothing with it',
      ]);
      const lenient = sagaOf(`${SAGA.replace('otherwise: dead', 'otherwise: ignore')}\nunknown: ignore\nlate: ignore`);
      for (const each of [captured(), placed(), reserved(), said('payment.refused', { why: 'no' })])
        await lenient.take(each);
      expect((await lenient.take(captured())).result).to.deep.include({ filtered: true });
      expect(lenient.dead).to.deep.equal([]);
    });

    it('does its work when it is redriven in time', async () => {
      const run = sagaOf();
      const early = reserved();
      await sentOf(run, placed(), early, captured());
      expect(await sentOf(run, early)).to.deep.equal(['shipping {"order":"o","amount":12}']);
    });

    it('is filtered out where its state ignores it', async () => {
      const run = sagaOf(SAGA.replace('  paying:\n', '  paying:\n    ignore: [stock.reserved@1]\n'));
      await run.take(placed());
      expect((await run.take(reserved())).result).to.deep.include({ filtered: true });
    });

    it('is forgotten with its process, after a while', async () => {
      const run = sagaOf(`${SAGA}\nremember: 1h`);
      const first = placed();
      await sentOf(run, first, said('payment.refused', { why: 'no' }));
      run.nowMs += 3_600_000;
      expect(await sentOf(run, first)).to.deep.equal([CAPTURE]);
    });

    it('changes nothing when what it would make breaks a contract', async () => {
      const strict = {
        'fulfilment.order@1': object({ order: TEXT, total: NUMBER, 'payment?': { type: 'string', maxLength: 4 } }),
      };
      const run = sagaOf(SAGA, {
        contracts: {
          ...strict,
          'payment.captured@1': object({ order: TEXT, payment: { type: 'string', maxLength: 4 } }),
        },
      });
      await run.take(placed());
      const [dead = ''] = await sentOf(run, said('payment.captured', { payment: 'too long' }));
      expect(dead).to.match(/^dead WB_CONTRACT_VIOLATED step 1 \(process\)/);
      expect(await sentOf(run, captured())).to.deep.equal([RESERVE]);
    });
  });

  describe('choosing', () => {
    const chosen = SAGA.replace(
      / {6}payment.captured@1:\n/,
      '      payment.captured@1:\n      - { when: "data.payment == \'bad\'", to: cancelled }\n      - when: vars.kept.total > 10.0\n',
    ).replaceAll(
      /^ {8}(set: \{ payment|send: \{ service: stock|undo: \{ service: payment|to: reserving)/gm,
      '        $1',
    );

    it('takes the first transition whose predicate holds', async () => {
      expect(await sentOf(sagaOf(chosen), placed(), captured())).to.deep.equal([CAPTURE, RESERVE]);
      expect(await sentOf(sagaOf(chosen), placed(), said('payment.captured', { payment: 'bad' }))).to.deep.equal([
        CAPTURE,
      ]);
      const small = sagaOf(chosen);
      expect(await sentOf(small, said('shop.order.placed', { total: 5 }), captured())).to.deep.equal([
        'payment {"order":"o","amount":5}',
        'dead WB_PROCESS_UNHANDLED step 1 (process): paying does nothing with it',
      ]);
    });
  });

  describe('of an earlier form of the route', () => {
    it('goes on under the new name of its state, or is refused by name', async () => {
      const before = sagaOf();
      await before.take(placed());
      const other = SAGA.replaceAll('paying', 'awaiting-money');
      const refused = sagaOf(other, { after: before });
      expect(await sentOf(refused, captured())).to.deep.equal([
        'dead WB_STATE_OUTDATED step 1 (process): the process is in the state paying, which the route has no more',
      ]);
      expect(
        await sentOf(sagaOf(`${other}\nrenamed: { paying: awaiting-money }`, { after: before }), captured()),
      ).to.deep.equal([RESERVE]);
    });

    it('is brought up by the casts of its contract, or refused by name', async () => {
      const before = sagaOf();
      await before.take(placed());
      const contracts = {
        'fulfilment.order@2': object({ order: TEXT, total: NUMBER, currency: TEXT, 'payment?': TEXT }),
      };
      const saga = SAGA.replace('keep: fulfilment.order@1', 'keep: fulfilment.order@2').replace(
        'total: data.total }',
        'total: data.total, currency: { $const: EUR } }',
      );
      const refused = sagaOf(saga, { contracts, after: before });
      expect(await sentOf(refused, captured())).to.deep.equal([
        'dead WB_STATE_OUTDATED step 1 (process): the process is kept as fulfilment.order@1, and the route keeps fulfilment.order@2',
      ]);
      const casts = {
        'fulfilment.order@1-2': {
          up: { order: 'data.order', total: 'data.total', currency: { $const: 'EUR' }, payment: 'data.?payment' },
        },
      };
      expect(await sentOf(sagaOf(saga, { contracts, casts, after: before }), captured(), reserved())).to.deep.equal([
        RESERVE,
        'shipping {"order":"o","amount":12}',
      ]);
    });

    it('is refused by name when nothing is sent any more that would undo it', async () => {
      const before = sagaOf();
      await sentOf(before, placed(), captured());
      const saga = SAGA.replace(
        '{ service: payment, type: payment.refund@1, set: { order: data.order, payment: data.payment } }',
        '{ service: stock, type: stock.release@1, set: { order: data.order } }',
      );
      const [dead] = await sentOf(sagaOf(saga, { after: before }), missing());
      expect(dead).to.match(/^dead WB_STATE_OUTDATED .*payment payment.refund@1/);
    });

    it('is refused when the state is none of a process', async () => {
      const run = sagaOf();
      run.stored.put('route.r/process o', [1, { group: 1 }]);
      const [dead] = await sentOf(run, placed());
      expect(dead).to.match(/^dead WB_STATE_OUTDATED/);
    });
  });

  describe('is checked', () => {
    const fault = (from: string | RegExp, to: string): string[] => sagaFaults(SAGA.replace(from, to));

    it('and sound as it stands here', () => {
      expect(sagaFaults(SAGA)).to.deep.equal([]);
    });

    const INVALID: readonly (readonly [string, string | RegExp, string, string])[] = [
      [
        'unknown targets',
        'to: reserving',
        'to: reserve',
        'WB_PROCESS_INVALID states/paying/on/payment.captured@1/to: process: there is no state reserve',
      ],
      [
        'states that nothing leads to',
        'to: reserving',
        'to: shipped',
        'WB_PROCESS_INVALID states/reserving: process: no transition leads to the state reserving',
      ],
      [
        'states without an exit',
        'shipped: { end: true }',
        'shipped: {}',
        'WB_PROCESS_INVALID states/shipped: process: nothing happens in the state shipped, so a process stays there for ever',
      ],
      [
        'ends in which something happens',
        'shipped: { end: true }',
        'shipped: { end: true, ignore: [stock.reserved@1] }',
        'WB_PROCESS_INVALID states/shipped: process: the process ends in shipped, so nothing happens there any more',
      ],
      [
        'messages of which a state says nothing',
        'otherwise: dead',
        '',
        'WB_PROCESS_INVALID states/paying: process: the state paying does not say what becomes of stock.reserved@1',
      ],
      [
        'a start that keeps nothing',
        'set: { order: data.id, total: data.total }\n',
        '\n',
        'WB_PROCESS_INVALID start/shop.order.placed@1: process: it does not say what the process keeps',
      ],
      [
        'services that there are not',
        'service: shipping',
        'service: shiping',
        'WB_SERVICE_UNKNOWN states/reserving/on/stock.reserved@1/send/type: there is no service shiping',
      ],
      [
        'what a service does not receive',
        'type: shipping.ship@1',
        'type: stock.reserve@1',
        'WB_NOT_DECLARED states/reserving/on/stock.reserved@1/send/type: stock.reserve@1 goes to shipping here, and shipping does not declare it under receives',
      ],
      [
        'undo without compensate',
        /compensate: true,? ?/g,
        '',
        'WB_PROCESS_INVALID states/paying/on/payment.captured@1/undo: process: nothing ever asks for it to be undone',
      ],
      [
        'what is sent against its contract',
        'amount: vars.kept.total } }\n    to',
        'amount: vars.kept.order } }\n    to',
        'WB_MAPPING_TYPE start/shop.order.placed@1/send/set/amount',
      ],
      [
        'fields that messages do not have',
        'data.why } }',
        'data.wy } }',
        'WB_EXPRESSION_FIELD states/paying/on/payment.refused@1/send/set/why',
      ],
      [
        'fields that are not kept',
        'amount: vars.kept.total } }\n        to',
        'amount: vars.kept.totl } }\n        to',
        'WB_EXPRESSION_FIELD states/reserving/on/stock.reserved@1/send/set/amount',
      ],
      [
        'messages in a timeout, where there is none',
        'why: { $const: nobody paid }',
        'why: data.why',
        'WB_EXPRESSION_FIELD states/paying/timeout/send/set/why',
      ],
      [
        'types that do not come',
        'payment.refused@1:\n',
        'payment.refund@1:\n',
        'WB_ROUTE_TYPE states/paying/on/payment.refund@1: no payment.refund@1 comes to process here',
      ],
      [
        'types that say not to which process they belong',
        'payment.refused@1: data.order, ',
        '',
        'WB_PROCESS_INVALID by: process: it does not say to which process a payment.refused@1 belongs',
      ],
      [
        'a contract that there is not',
        'keep: fulfilment.order@1',
        'keep: fulfilment.ordr@1',
        'WB_CONTRACT_UNKNOWN keep: there is no contract for fulfilment.ordr@1',
      ],
      [
        'what is sent nowhere',
        'service: shipping, ',
        '',
        'WB_PROCESS_INVALID states/reserving/on/stock.reserved@1/send: process: it does not say what is sent where',
      ],
      ['durations', 'after: 30m', 'after: soon', 'WB_MEDIATOR_OPTION'],
    ];
    for (const [what, from, to, expected] of INVALID) {
      it(`for ${what}`, () => {
        expect(fault(from, to).join('\n')).to.contain(expected);
      });
    }

    it('for types that no state takes, and for processes that never end', () => {
      expect(
        sagaFaults(SAGA, {
          from: [
            'shop.order.placed@1',
            'payment.captured@1',
            'payment.refused@1',
            'stock.reserved@1',
            'stock.missing@1',
            'shipping.ship@1',
          ],
        }).join('\n'),
      ).to.contain('shipping.ship@1 comes here, and no state does anything with it');
      expect(fault(/\{ end: true \}/g, '{ timeout: { after: 1h, to: paying } }').join('\n')).to.contain(
        'the process never ends',
      );
    });

    it('for a route that goes on after it, or that has no end at all', () => {
      expect(sagaFaults(SAGA, { more: 'to: shop' }).join('\n')).to.contain('WB_OPTION_INVALID');
      expect(sagaFaults(SAGA, { more: '  - filter: data.order != ""' }).join('\n')).to.contain(
        'nothing goes on from process',
      );
    });
  });
});
