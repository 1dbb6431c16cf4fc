import { connect } from 'amqplib';
import { expect } from 'chai';
import { brokerUrl } from '../support/broker.ts';
import type { OtlpCollector } from '../support/otlp.ts';
import type { TracedProcess } from '../support/traced.ts';
import { TracedBus } from '../support/traced-bus.ts';

function suite(target: string, urlOf: (context: Mocha.Context) => Promise<string | undefined>): void {
  describe(`traces: ${target}`, () => {
    let bus: TracedBus;
    let shop: TracedProcess;
    let spans: OtlpCollector;
    before(async function () {
      bus = await TracedBus.start(await urlOf(this));
      spans = bus.collector;
      shop = await bus.service('shop');
    });
    after(async () => {
      await bus[Symbol.asyncDispose]();
    });
    beforeEach(() => {
      spans.clear();
    });

    it('are one tree from the publisher to the last consumer, over processes', async () => {
      await shop.ask({
        do: 'publish',
        type: 'shop.order.placed@1',
        data: { id: 'o-1', card: '4111', lines: [{ sku: 'a' }] },
      });
      const mail = await spans.one('process mail');
      await spans.one('process warehouse');
      expect(await spans.path(mail)).to.deep.equal([
        'publish shop.order.placed@1',
        'route orders',
        'deliver oms',
        'process oms',
        'INSERT orders',
        'publish oms.order.accepted@1',
        'process mail',
      ]);
      const map = await spans.one('step 1 (map)');
      expect(await spans.path(map)).to.deep.equal(['publish shop.order.placed@1', 'route orders', 'step 1 (map)']);
      expect(new Set(spans.spans.map(({ traceId }) => traceId)), spans.tree()).to.have.property('size', 1);
      const published = await spans.one('publish shop.order.placed@1');
      const handled = await spans.one('process oms');
      expect([published.kind, handled.kind, map.kind]).to.deep.equal(['producer', 'consumer', 'internal']);
      expect([published.service, handled.service, mail.service]).to.deep.equal(['shop', 'oms', 'mail']);
      expect((await spans.one('route orders')).service).to.equal('waybill-router');
      expect(handled.links, 'what it was sent by').to.deep.equal([handled.parent]);
    });

    it('have the attributes of the conventions, and nothing of the data', async () => {
      await shop.ask({
        do: 'publish',
        type: 'shop.order.placed@1',
        data: { id: 'o-2', card: '4111', lines: [{ sku: 'a' }] },
      });
      const { attributes } = await spans.one('process oms');
      await spans.one('process mail');
      await spans.one('process warehouse');
      expect(attributes).to.include({
        'messaging.system': target === 'RabbitMQ' ? 'rabbitmq' : 'waybill',
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.destination.name': 'oms',
        'messaging.destination.partition.id': '0',
        'waybill.bus': bus.name,
        'waybill.message.type': 'oms.order.create@1',
        'waybill.delivery.attempt': 1,
        'waybill.outcome': 'done',
      });
      expect(attributes).to.have.any.keys('messaging.message.id');
      if (target === 'RabbitMQ') expect(attributes).to.include.keys('server.address', 'server.port');
      expect(JSON.stringify(spans.spans)).to.not.include('4111');
    });

    it('show each attempt of a retry', async () => {
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data: { id: 'retried', lines: [{ sku: 'a' }] } });
      const attempts = await spans.named('process mail', 2);
      const [first, second] = [...attempts].sort((a, b) => (a.failed === b.failed ? 0 : a.failed ? -1 : 1));
      expect(first?.failed).to.be.true;
      expect(first?.attributes).to.include({ 'error.type': 'Error', 'waybill.delivery.attempt': 1 });
      expect(first?.events).to.deep.equal(['retry']);
      expect(second?.failed).to.be.false;
      expect(second?.attributes['waybill.delivery.attempt']).to.equal(2);
      expect(first?.parent).to.equal(second?.parent);
    });

    it('show a dead letter, and its redrive as part of the same trace', async () => {
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data: { id: 'deadly', lines: [{ sku: 'a' }] } });
      const dead = await spans.one('dead-letter mail');
      expect(dead.failed).to.be.true;
      expect(dead.attributes).to.include({ 'error.type': 'WB_HANDLER_FAILED', 'waybill.delivery.attempts': 3 });
      const before = (await spans.named('process mail', 3)).length;
      await bus.waybill('dead', 'redrive', '--yes');
      const redriven = await spans.one('redrive mail');
      expect(redriven.kind).to.equal('producer');
      expect(redriven.traceId).to.equal(dead.traceId);
      const again = (await spans.named('process mail', before + 1)).find(({ failed }) => !failed);
      expect(again?.traceId).to.equal(dead.traceId);
    });

    it('show what was published together, split and gathered', async () => {
      await shop.ask({
        do: 'publishMany',
        type: 'warehouse.item.picked@1',
        data: [
          { orderId: 'o-3', sku: 'a' },
          { orderId: 'o-3', sku: 'b' },
        ],
      });
      await spans.one('publish warehouse.item.picked@1');
      await shop.ask({ do: 'publish', type: 'warehouse.item.picked@1', data: { orderId: 'o-3', sku: 'c' } });
      const [together, alone] = await spans.named('publish warehouse.item.picked@1', 2);
      expect(together?.attributes['messaging.batch.message_count']).to.equal(2);
      const finance = await spans.one('process finance');
      expect(finance.parent, 'this service begins traces of its own').to.equal('');
      const delivered = await spans.one('deliver finance');
      expect(finance.links).to.deep.equal([delivered.id]);
      const route = await spans.parentOf(delivered);
      expect(route.name).to.equal('route summaries');
      expect(route.links, 'of the member in hand, and of those that had waited').to.have.members([
        alone?.id,
        together?.id,
      ]);

      await shop.ask({
        do: 'publish',
        type: 'shop.order.placed@1',
        data: { id: 'o-4', lines: [{ sku: 'a' }, { sku: 'b' }] },
      });
      const picks = await spans.named('process warehouse', 2);
      const origins = await Promise.all(
        picks.map(async (pick) => (await spans.parentOf(await spans.parentOf(pick))).name),
      );
      expect(origins).to.deep.equal(['route picks', 'route picks']);
      expect(await spans.named('route picks')).to.have.length(1);
    });

    it('show a request with what answered it', async () => {
      await shop.ask({ do: 'request', type: 'pricing.quote@1', data: { sku: 'a' } });
      const request = await spans.one('request pricing.quote@1');
      const answered = await spans.one('process pricing');
      expect(request.kind).to.equal('client');
      expect(await spans.path(answered)).to.deep.equal(['request pricing.quote@1', 'process pricing']);
      expect(request.links).to.deep.equal([answered.id]);
    });

    it('go on from a trace that the caller says, and take a malformed one for none', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const data = { id: 'o-5', lines: [{ sku: 'a' }] };
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data, traceparent });
      const joined = await spans.one('process mail');
      expect(joined.traceId).to.equal(traceparent.slice(3, 35));
      expect((await spans.one('publish shop.order.placed@1')).parent).to.equal(traceparent.slice(36, 52));
      spans.clear();
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data, traceparent: `${traceparent}-more` });
      expect((await spans.one('process mail')).traceId).to.not.equal(joined.traceId);
    });

    if (target === 'RabbitMQ') {
      it('begin at the span of a client without the SDK that says its trace', async () => {
        const { url, name } = bus;
        const connection = await connect(url ?? '');
        const channel = await connection.createConfirmChannel();
        const send = async (traceparent: string): Promise<void> => {
          const properties = { type: 'shop.order.placed@1', contentType: 'application/json', headers: { traceparent } };
          const body = Buffer.from('{"id":"o-6","lines":[{"sku":"a"}]}');
          channel.publish(`${name}.gateway`, 'shop.order.placed@1', body, properties);
          await channel.waitForConfirms();
        };
        await send('00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01');
        const mail = await spans.one('process mail');
        expect(mail.traceId).to.equal('1af7651916cd43dd8448eb211c80319c');
        expect((await spans.path(mail, 'c7ad6b7169203331')).slice(0, 2)).to.deep.equal([
          'route gateway',
          'route orders',
        ]);
        expect((await spans.one('route gateway')).parent).to.equal('c7ad6b7169203331');
        spans.clear();
        await send('00-zero-zero-01');
        expect((await spans.one('process mail')).traceId).to.match(/^[0-9a-f]{32}$/);
        expect((await spans.one('route gateway')).parent).to.equal('');
        await connection.close();
      });
    }
  });
}

suite('embedded', () => Promise.resolve(undefined));
suite('RabbitMQ', brokerUrl);
