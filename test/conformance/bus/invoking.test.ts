import { expect } from 'chai';
import { type Message, type Transport, WaybillError } from '../../../src/index.ts';
import { all } from '../../support/collector.ts';
import { writeInvoking } from '../../support/invoking.ts';
import { message } from '../../support/messages.ts';
import { until } from '../../support/until.ts';
import type { UntypedResponder, UntypedService } from '../../support/untyped.ts';
import { throughServices } from './services.ts';

const QUOTE = 'pricing.quote@1';
const LONG = { deadlineMs: 120_000 };

const skuOf = ({ data }: Message): string => (data as { sku: string }).sku;
const price: UntypedResponder = (request) => ({ price: skuOf(request).length });

throughServices(
  'a route that asks a service',
  (bus) => {
    const pricing = async (responder: UntypedResponder, inbox = false): Promise<UntypedService> => {
      const service = await bus().connect('pricing');
      await service.respond(QUOTE, responder, { inbox }).start();
      return service;
    };
    const oms = async (): Promise<unknown[]> => {
      const got: unknown[] = [];
      const service = await bus().connect('oms');
      await service.handle('oms.order.create@1', ({ data }) => void got.push(data)).start();
      return got;
    };
    const place = async (id: string, sku: string): Promise<void> => {
      const shop = await bus().connect('shop');
      await shop.publish('shop.order.placed@1', { id, sku }, { id });
    };

    it('goes on with its answer, in the same conversation', async () => {
      const asked: Message[] = [];
      await pricing((request, context) => {
        asked.push(request);
        return price(request, context);
      });
      const got = await oms();
      await place('a', 'tea');
      await until('the order', () => got.length === 1, LONG);
      expect(got).to.deep.equal([{ id: 'a', price: 3 }]);
      expect(asked[0]).to.deep.include({ causationId: 'a', correlationId: 'a', key: 'tea' });
      expect(asked[0]?.source).to.match(/\/orders$/);
      expect((await bus().transport.stats()).ledger).to.include({ dead: 0, parked: 0 });
    });

    it('asks again, under the same id, until there is somebody to answer', async function () {
      this.timeout(240_000);
      const got = await oms();
      await place('a', 'tea');
      // The first is out of time by then, and was asked again.
      await until('the second', async () => waitingAt(await bus().transport.stats(), 'pricing') > 1, LONG);
      const ids: string[] = [];
      await pricing((request, context) => {
        ids.push(request.id);
        return price(request, context);
      });
      await until('the order', () => got.length === 1, { deadlineMs: 180_000 });
      const expired = await all(bus().transport.dead.list({ code: 'WB_EXPIRED' }));
      expect(expired.length).to.be.at.least(1);
      expect(new Set([...ids, ...expired.map((letter) => letter.message.envelope.id)]).size).to.equal(1);
    });

    it('fails by name when the service gives it up', async () => {
      await pricing(() => {
        throw new WaybillError('WB_STEP_FAILED', 'there is no such article');
      });
      await place('a', 'tea');
      const letters = async () => all(bus().transport.dead.list({ route: 'orders' }));
      await until('the letter', async () => (await letters()).length === 1, LONG);
      const [letter] = await letters();
      expect(letter).to.deep.include({ code: 'WB_REQUEST_FAILED', endpoint: 'route.orders' });
      expect(letter?.error).to.contain('/pricing').and.contain('there is no such article');
    });

    it('is answered by an inbox that answered before, wherever it asks from now', async () => {
      let handled = 0;
      await pricing((request, context) => {
        handled += 1;
        return price(request, context);
      }, true);
      const { transport } = bus();
      const answers: string[] = [];
      // As a router does that was killed before the answer came, and the one after it.
      for (const turn of ['first', 'second']) {
        const replies = await transport.openReplies((answer) => {
          answers.push(`${turn} ${Buffer.from(answer.body).toString()} ${String(answer.envelope.expiryTime)}`);
        });
        await replies.ready();
        const expiryTime = new Date(Date.now() + 3_600_000).toISOString();
        const request = message({
          ...{ id: 'same', source: '/bus/orders', type: 'pricing.quote', key: 'tea', data: { sku: 'tea' }, expiryTime },
          replyTo: `${replies.address}.t`,
        });
        await transport.send([{ to: { endpoint: 'pricing' }, message: request }]);
        await until(`the ${turn} answer`, () => answers.includes(`${turn} {"price":3} ${expiryTime}`), LONG);
        await replies.close();
      }
      expect(handled).to.equal(1);
    });
  },
  writeInvoking,
);

function waitingAt({ endpoints }: Awaited<ReturnType<Transport['stats']>>, name: string): number {
  return endpoints.find((endpoint) => endpoint.name === name)?.waiting ?? 0;
}
