import { expect } from 'chai';
import { openBus } from '../../src/bus.ts';
import { brokerUrl } from '../support/broker.ts';
import { testLog } from '../support/targets.ts';
import type { TracedProcess } from '../support/traced.ts';
import { TracedBus } from '../support/traced-bus.ts';
import { until } from '../support/until.ts';

/** A tree as `waybill trace` prints it, without what differs each time: ids, times, durations, processes. */
function shape(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z {2}/g, '')
    .replace(/(@\d+) {2}[\w-]{20,40}(?= |$)/gm, '$1')
    .replace(/(together with|answered by|dead show) \S+/g, '$1 ...')
    .replace(/ {2}[\d.]+ m?s(?= |$)/gm, '')
    .replace(/again in [\d.]+ m?s/g, 'again')
    .replace(/ {2}\([^)]+ \d+\)$/gm, '')
    .trim();
}

function suite(target: string, urlOf: (context: Mocha.Context) => Promise<string | undefined>): void {
  describe(`waybill trace: ${target}`, () => {
    let bus: TracedBus;
    let shop: TracedProcess;
    let url: string | undefined;
    before(async function () {
      url = await urlOf(this);
      bus = await TracedBus.start(url);
      shop = await bus.service('shop');
    });
    after(async () => {
      await bus[Symbol.asyncDispose]();
    });
    beforeEach(() => {
      bus.collector.clear();
    });

    /** The id of the message of a span. */
    async function messageOf(span: string): Promise<string> {
      return String((await bus.collector.one(span)).attributes['messaging.message.id']);
    }

    /** Once it says all that it is to say: records come a moment after what they tell. */
    async function traced(id: string, ...says: readonly (string | RegExp)[]): Promise<string> {
      let text = '';
      await until(
        `the history of ${id} to say ${says.join(', ')}`,
        async () => {
          text = await bus.waybill('trace', id).catch((error: unknown) => String(error));
          return says.every((words) => (typeof words === 'string' ? text.includes(words) : words.test(text)));
        },
        { describe: () => text },
      );
      return text;
    }

    it('shows the way of a message over processes, from any message on it', async () => {
      const data = { id: 'h-1', card: '4111', lines: [{ sku: 'a' }] };
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data });
      const way = await traced(
        await messageOf('publish shop.order.placed@1'),
        'mail, attempt 1',
        'warehouse, attempt 1',
        'published by shop',
        'published by oms',
      );
      expect(shape(way)).to.equal(
        `
shop.order.placed@1  <-
├─ published by shop
├─ route orders  done
│  ├─ step 1 (map)
│  └─ oms.order.create@1  to oms
│     └─ oms, attempt 1  done
│        └─ oms.order.accepted@1
│           ├─ published by oms
│           └─ mail, attempt 1  done
└─ route picks  done
   ├─ step 1 (split)
   ├─ step 2 (map)
   └─ warehouse.item.pick@1  to warehouse
      └─ warehouse, attempt 1  done`.trim(),
      );
      expect(way).to.not.include('4111');
      const last = await traced(await messageOf('process mail'), 'published by shop');
      expect(last.replaceAll('  <-', '')).to.equal(way.replaceAll('  <-', ''));
      expect(last).to.match(/oms\.order\.accepted@1 {2}\S+ {2}<-/);
    });

    it('shows attempts, the dead letter and its redrive', async () => {
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data: { id: 'deadly', lines: [{ sku: 'a' }] } });
      const id = await messageOf('publish shop.order.placed@1');
      const dead = await traced(id, 'mail, attempt 3', 'waits as a dead letter');
      const attempts = [
        '├─ mail, attempt 1  Error  again',
        '├─ mail, attempt 2  Error  again',
        '├─ mail, attempt 3  Error',
        '├─ given up at mail, after 3 attempts  WB_HANDLER_FAILED',
      ];
      expect(told(dead, 'mail')).to.deep.equal([...attempts, '└─ waits as a dead letter: waybill dead show ...']);
      const [, letter = ''] = /dead show (\S+)/.exec(dead) ?? [];
      expect(await bus.waybill('trace', letter), 'by the id of the letter').to.include(`  ${id}`);
      await bus.waybill('dead', 'redrive', '--yes');
      const redriven = await traced(id, /redriven to[^]*mail, attempt 1/);
      expect(told(redriven, 'mail').slice(0, 4)).to.deep.equal(attempts);
      expect(told(redriven, 'mail').slice(4).join('; ')).to.match(
        /^├─ redriven to mail by \S+; └─ mail, attempt 1 {2}done$/,
      );
    });

    it('shows what came together, from each of its members', async () => {
      const items = ['a', 'b', 'c'].map((sku) => ({ orderId: 'h-3', sku }));
      await shop.ask({ do: 'publishMany', type: 'warehouse.item.picked@1', data: items.slice(0, 2) });
      const first = String((await bus.collector.named('route summaries', 2))[0]?.attributes['messaging.message.id']);
      const waits = await traced(first, 'route summaries');
      expect(shape(waits)).to.match(/route summaries {2}merged/);
      await shop.ask({ do: 'publish', type: 'warehouse.item.picked@1', data: items[2] ?? {} });
      const summary = await traced(first, 'finance, attempt 1', `together with ${first}`);
      expect(shape(summary)).to.include('finance.pick.summary@1  to finance');
    });

    it('shows a request and what became of it', async () => {
      await shop.ask({ do: 'request', type: 'pricing.quote@1', data: { sku: 'a' } });
      const text = await traced(await messageOf('request pricing.quote@1'), 'pricing, attempt 1', 'requested by');
      expect(shape(text)).to.include('├─ requested by shop\n│  └─ answered by').and.include('pricing, attempt 1  done');
    });

    it('says which routes filtered a message, inline and isolated', async () => {
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data: { id: 'h-5', lines: [] } });
      const placed = await traced(await messageOf('publish shop.order.placed@1'), 'published by', 'route picks');
      expect(shape(placed)).to.equal(
        'shop.order.placed@1  <-\n├─ published by shop\n├─ route orders  filtered\n└─ route picks  filtered',
      );
      await shop.ask({ do: 'publish', type: 'shop.order.moved@1', data: { id: 'nowhere' } });
      const moved = await traced(await messageOf('publish shop.order.moved@1'), 'published by', 'route moves');
      expect(shape(moved)).to.equal('shop.order.moved@1  <-\n├─ published by shop\n└─ route moves  filtered');
    });

    it('says that nobody takes a message, and where it waits', async () => {
      await shop.ask({ do: 'publish', type: 'shop.cart.left@1', data: { id: 'h-6' } });
      const id = await messageOf('publish shop.cart.left@1');
      const left = await traced(id, 'published by', 'parking lot');
      expect(shape(left)).to.equal(
        `
shop.cart.left@1  <-
├─ published by shop
├─ nobody takes shop.cart.left@1
└─ waits in the parking lot: waybill dead show ... --parked`.trim(),
      );
      const [, letter = ''] = /dead show (\S+)/.exec(left) ?? [];
      expect(await bus.waybill('dead', 'show', '--parked', letter)).to.include(id);
      await bus.waybill('dead', 'discard', '--parked', '--yes');
      expect(shape(await traced(id, 'discarded by'))).to.match(/nobody takes shop\.cart\.left@1$/);
    });

    it('says where a message may wait, and why', async () => {
      await shop.ask({ do: 'publish', type: 'shop.cart.kept@1', data: { id: 'h-7' } });
      const id = await messageOf('publish shop.cart.kept@1');
      const about = url === undefined ? '' : 'about ';
      const waits = await traced(id, 'published by', 'no delivery');
      expect(shape(waits)).to.match(
        new RegExp(`└─ no delivery at crm on record: nobody takes from it, ${about}1 message waits there$`),
      );
      await bus.waybill('pause', 'crm', '--reason', 'moving');
      const paused = JSON.parse(await bus.waybill('trace', id, '--json')) as { paths: { unseen: { now: object }[] }[] };
      expect(paused.paths[0]?.unseen).to.have.length(1);
      expect(paused.paths[0]?.unseen[0]).to.include({ endpoint: 'crm', plain: false });
      expect(paused.paths[0]?.unseen[0]?.now).to.include({ waiting: 1, inHand: 0, exact: url === undefined });
      expect(await bus.waybill('trace', id)).to.match(/crm on record: paused by .*: moving, .*1 message waits there/);
    });

    it('takes the beginning of an id, and lists what begins alike', async () => {
      await shop.ask({ do: 'publish', type: 'shop.cart.kept@1', data: { id: 'h-8' } });
      const id = await messageOf('publish shop.cart.kept@1');
      await traced(id, 'published by');
      expect(await bus.waybill('trace', id.slice(0, 8))).to.equal(await bus.waybill('trace', id));
      const short = await bus.waybill('trace', id.slice(0, 7)).catch(String);
      expect(short).to.include('there is no record').and.include('8 characters');
      await using host = await openBus({ config: bus.folder.path, log: testLog });
      const made = { at: Date.now(), took: 1, operation: 'publish', by: 'shop', process: 'here 1' } as const;
      const alike = ['alike-00-1', 'alike-00-2'].map((message) => {
        return { ...made, message, type: 'shop.cart.kept@1', conversation: message } as const;
      });
      await host.transport.record(alike);
      await traced('alike-00-2', 'alike-00-2  <-');
      const several = await bus.waybill('trace', 'alike-00').catch(String);
      expect(several)
        .to.include('2 messages on record have an id that begins with alike-00')
        .and.match(/alike-00-1\n\s+alike-00-2/);
    });

    it('says why it knows no more of a message that others name', async () => {
      await using host = await openBus({ config: bus.folder.path, log: testLog });
      await host.transport.record([
        {
          ...{ at: Date.now(), took: 1, operation: 'publish', by: 'shop', process: 'here 1', cause: 'before' },
          ...{ message: 'after-it', type: 'shop.cart.left@1', conversation: 'before' },
        },
      ]);
      expect(shape(await traced('after-it', 'published by'))).to.match(
        /^a message {2}before {2}\(not on record itself/,
      );
    });

    it('says that there is none of a message that nobody knows', async () => {
      const refused = await bus.waybill('trace', 'nobody-knows-it').catch(String);
      expect(refused).to.include('there is no record of the message "nobody-knows-it"').and.include('kept for a day');
    });
  });
}

/** The lines that tell of an endpoint, without what stands before them. */
function told(text: string, endpoint: string): string[] {
  return shape(text)
    .split('\n')
    .map((line) => line.replace(/^[│ ]*/, ''))
    .filter((line) => new RegExp(`\\b${endpoint}\\b|waits as`).test(line));
}

suite('embedded', () => Promise.resolve(undefined));
suite('RabbitMQ', (context) => brokerUrl(context));
