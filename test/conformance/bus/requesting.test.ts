import { type ChildProcess, fork } from 'node:child_process';
import { expect } from 'chai';
import { type Message, WaybillError } from '../../../src/index.ts';
import { all } from '../../support/collector.ts';
import { writePricing } from '../../support/pricing.ts';
import { program } from '../../support/program.ts';
import { rejection } from '../../support/rejection.ts';
import { until, within } from '../../support/until.ts';
import type { UntypedResponder, UntypedService } from '../../support/untyped.ts';
import { throughServices } from './services.ts';

const QUOTE = 'pricing.quote@1';
const LONG = { timeoutMs: 180_000 };

const skuOf = ({ data }: Message): string => (data as { sku: string }).sku;
const price: UntypedResponder = (message) => ({ sku: skuOf(message), price: skuOf(message).length });

/** A child with `pricing-process.ts`, and what it said. */
class Child {
  readonly said: unknown[] = [];
  readonly #process: ChildProcess;

  static async start(config: string, part: 'responder' | 'requester'): Promise<Child> {
    const { file, execArgv } = await program('test/support/pricing-process.ts');
    return new Child(fork(file, [config, part], { execArgv: [...execArgv] }));
  }

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#process.on('message', (text) => this.said.push(text));
  }

  async heard(text: string): Promise<void> {
    await until(`"${text}" from a child`, () => this.said.includes(text), { deadlineMs: 180_000 });
  }

  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }
}

throughServices(
  'requests',
  (bus) => {
    const children: Child[] = [];
    const child = async (part: 'responder' | 'requester'): Promise<Child> => {
      const made = await Child.start(bus().folder, part);
      children.push(made);
      return made;
    };
    afterEach(async () => {
      for (const each of children.splice(0)) await each.kill();
    });
    const pricing = async (responder: UntypedResponder): Promise<UntypedService> => {
      const service = await bus().connect('pricing');
      await service.respond(QUOTE, responder).start();
      return service;
    };

    it('are answered by the responder, in the same conversation', async () => {
      const asked: Message[] = [];
      await pricing((message, context) => {
        asked.push(message);
        return price(message, context);
      });
      const shop = await bus().connect('shop');
      const answer = await shop.request(QUOTE, { sku: 'abc' }, LONG);
      const [request] = asked;
      expect(answer).to.deep.include({ type: 'pricing.quoted', version: 1, source: '/pricing' });
      expect(answer.data).to.deep.equal({ sku: 'abc', price: 3 });
      expect(answer.causationId).to.equal(request?.id);
      expect(answer.correlationId).to.equal(request?.correlationId);
      expect(Object.isFrozen(answer)).to.be.true;
      expect(request?.key).to.equal('abc');
      expect(Date.parse(request?.expiryTime ?? '')).to.be.greaterThan(Date.parse(request?.time ?? ''));
    });

    it('go through a route that makes another request of them', async () => {
      const erp = await bus().connect('erp');
      await erp.respond('erp.price.ask@1', ({ data }) => ({ total: (data as { amount: number }).amount * 2 })).start();
      const shop = await bus().connect('shop');
      const answer = await shop.request('pricing.estimate@1', { sku: 'abc', quantity: 21 }, LONG);
      expect(answer.data).to.deep.equal({ total: 42 });
    });

    it('are answered each to the one who asked, a thousand at a time from several', async function () {
      this.timeout(240_000);
      await pricing(async (message, context) => {
        await new Promise((resolve) => setImmediate(resolve));
        return price(message, context);
      });
      const askers = [await bus().connect('shop'), await bus().connect('web'), await bus().connect('web')];
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, async (_, n) => {
          const sku = `s${String(n)}`;
          const { data } = (await askers[n % 3]?.request(QUOTE, { sku }, { timeoutMs: 50_000 })) ?? {};
          return data;
        }),
      );
      expect(answers).to.deep.equal(answers.map((_, n) => ({ sku: `s${String(n)}`, price: `s${String(n)}`.length })));
    });

    it('are tried again while the responder fails for the moment', async () => {
      let attempts = 0;
      await pricing((message, context) => {
        attempts += 1;
        if (attempts < 3) throw new Error('the database is busy');
        return price(message, context);
      });
      const shop = await bus().connect('shop');
      expect((await shop.request(QUOTE, { sku: 'a' }, LONG)).data).to.deep.equal({ sku: 'a', price: 1 });
      expect(attempts).to.equal(3);
    });

    it('fail at once, by name, when the responder gives them up', async function () {
      this.timeout(240_000);
      await pricing((message) => {
        if (skuOf(message) === 'wrong') return { sku: 1 };
        throw new WaybillError('WB_STEP_FAILED', 'there is no such article');
      });
      const shop = await bus().connect('shop');
      const failed = await within('the answer', rejection(shop.request(QUOTE, { sku: 'a' }, LONG)));
      expect(failed).to.have.property('code', 'WB_REQUEST_FAILED');
      expect(failed.message).to.contain('/pricing').and.contain('WB_STEP_FAILED: there is no such article');
      expect(failed.cause).to.have.property('code', 'WB_STEP_FAILED');
      const wrong = await within('the answer', rejection(shop.request(QUOTE, { sku: 'wrong' }, LONG)));
      expect(wrong).to.have.property('code', 'WB_REQUEST_FAILED');
      expect(wrong.message).to.contain('WB_CONTRACT_VIOLATED');
      await until('the letters', async () => (await bus().transport.dead.count()) === 2, { deadlineMs: 60_000 });
    });

    it('fail at once, by name, when a route gives them up or lets them not through', async function () {
      this.timeout(240_000);
      const erp = await bus().connect('erp');
      await erp.respond('erp.price.ask@1', () => ({ total: 1 })).start();
      const shop = await bus().connect('shop');
      const ask = (quantity: number): Promise<Error> =>
        within('the answer', rejection(shop.request('pricing.estimate@1', { sku: 'a', quantity }, LONG)));
      expect((await ask(1_000)).message)
        .to.contain('WB_CONTRACT_VIOLATED')
        .and.contain('amount');
      expect((await ask(0)).message).to.contain('WB_REQUEST_UNROUTED');
    });

    it('are refused before they are sent when nobody could answer', async () => {
      const shop = await bus().connect('shop');
      const web = await bus().connect('web');
      expect(await rejection(shop.request('pricing.guess@1', { sku: 'a' }))).to.have.property(
        'code',
        'WB_REQUEST_UNROUTED',
      );
      expect(await rejection(web.request('pricing.quoted@1', { sku: 'a', price: 1 }))).to.have.property(
        'code',
        'WB_REQUEST_TYPE',
      );
      expect(await rejection(shop.request(QUOTE, { sku: 1 }))).to.have.property('code', 'WB_CONTRACT_VIOLATED');
      expect(await rejection(shop.request(QUOTE, { sku: 'a' }, { timeoutMs: 0 }))).to.have.property(
        'code',
        'WB_OPTION_INVALID',
      );
      expect((await bus().transport.stats()).ledger.made).to.equal(0);
    });

    it('end at their deadline, saying who is not there, and are not answered late', async function () {
      this.timeout(240_000);
      const shop = await bus().connect('shop');
      const failed = await within(
        'the deadline',
        rejection(shop.request(QUOTE, { sku: 'late' }, { timeoutMs: 2_500 })),
        20_000,
      );
      expect(failed).to.include({ code: 'WB_REQUEST_TIMEOUT', retryable: true });
      expect(failed.message).to.contain(QUOTE).and.contain('2500 ms').and.contain('the service pricing is not running');
      const handled: string[] = [];
      await pricing((message, context) => {
        handled.push(skuOf(message));
        return price(message, context);
      });
      await until('the letter', async () => (await bus().transport.dead.count()) === 1, { deadlineMs: 60_000 });
      const [letter] = await all(bus().transport.dead.list());
      expect(letter).to.have.property('code', 'WB_EXPIRED');
      await shop.request(QUOTE, { sku: 'in time' }, LONG);
      expect(handled).to.deep.equal(['in time']);
    });

    it('end at their deadline, saying that the responder is paused', async function () {
      this.timeout(240_000);
      const service = await pricing(price);
      service.pause('stock-taking');
      const shop = await bus().connect('shop');
      // What another process says of itself may come too late on a busy machine; then the error says less.
      await until(
        'the reason',
        async () => {
          const failed = await rejection(shop.request(QUOTE, { sku: 'a' }, { timeoutMs: 1_000 }));
          expect(failed).to.have.property('code', 'WB_REQUEST_TIMEOUT');
          return failed.message.includes('the service pricing is paused: stock-taking');
        },
        { deadlineMs: 120_000 },
      );
    });

    it('drop and count an answer that comes a second time', async () => {
      const asked: Message[] = [];
      await pricing((message, context) => {
        asked.push(message);
        return price(message, context);
      });
      const shop = await bus().connect('shop');
      const answer = await shop.request(QUOTE, { sku: 'a' }, LONG);
      const { data, ...envelope } = answer;
      const again = { envelope, body: Buffer.from(JSON.stringify(data)) };
      await bus().transport.send([{ to: { reply: asked[0]?.replyTo ?? '' }, message: again }]);
      await until('the count', async () => (await bus().transport.stats()).tallies['service.shop.late'] === 1, {
        deadlineMs: 60_000,
      });
      expect((await bus().transport.stats()).parked).to.equal(0);
    });

    it('are rejected, retryably, when the service closes', async () => {
      const asked: Message[] = [];
      const gate = new AbortController();
      const opened = new Promise<void>((resolve) => {
        gate.signal.addEventListener('abort', () => {
          resolve();
        });
      });
      await pricing(async (message, context) => {
        asked.push(message);
        await opened;
        return price(message, context);
      });
      const shop = await bus().connect('shop');
      const request = rejection(shop.request(QUOTE, { sku: 'a' }, LONG));
      await until('the request in hand', () => asked.length === 1);
      await shop.close();
      expect(await request).to.include({ code: 'WB_CLOSED', retryable: true });
      gate.abort();
      await until('the answer in the parking lot', async () => (await bus().transport.parked.count()) === 1, {
        deadlineMs: 60_000,
      });
    });

    it('of a handler repeat with the same id when it is tried again', async function () {
      this.timeout(240_000);
      const ids: string[] = [];
      const erp = await bus().connect('erp');
      await erp
        .respond('erp.price.ask@1', (message) => {
          ids.push(message.id);
          return { total: 7 };
        })
        .start();
      const correlations: unknown[] = [];
      let attempts = 0;
      await pricing(async (message, context) => {
        const told = await context.request('pricing.estimate@1', { sku: skuOf(message), quantity: 1 }, LONG);
        correlations.push(told.correlationId);
        attempts += 1;
        if (attempts === 1) throw new Error('not yet');
        return { sku: skuOf(message), price: (told.data as { total: number }).total };
      });
      const shop = await bus().connect('shop');
      const answer = await shop.request(QUOTE, { sku: 'a' }, { timeoutMs: 50_000 });
      expect(answer.data).to.deep.equal({ sku: 'a', price: 7 });
      expect(ids).to.have.length(2);
      expect(ids[0]).to.equal(ids[1]);
      expect(correlations).to.deep.equal([answer.correlationId, answer.correlationId]);
    });

    it('are answered by another responder when the first is killed in the middle', async function () {
      this.timeout(360_000);
      const first = await child('responder');
      await first.heard('ready');
      const shop = await bus().connect('shop');
      const request = shop.request(QUOTE, { sku: 'abc' }, { timeoutMs: 60_000 });
      await first.heard('asked');
      await pricing(price);
      await first.kill();
      expect((await request).data).to.deep.equal({ sku: 'abc', price: 3 });
    });

    it('of a requester that was killed leave the responder free for others', async function () {
      this.timeout(360_000);
      const asked: string[] = [];
      const gate = new AbortController();
      const opened = new Promise<void>((resolve) => {
        gate.signal.addEventListener('abort', () => {
          resolve();
        });
      });
      await pricing(async (message, context) => {
        asked.push(skuOf(message));
        if (skuOf(message) === 'orphan') await opened;
        return price(message, context);
      });
      const orphan = await child('requester');
      await until('the request in hand', () => asked.includes('orphan'), { deadlineMs: 180_000 });
      await orphan.kill();
      gate.abort();
      const shop = await bus().connect('shop');
      expect((await shop.request(QUOTE, { sku: 'orphan' }, LONG)).data).to.deep.equal({ sku: 'orphan', price: 6 });
      await until('the settlement', async () => (await bus().transport.stats()).ledger.waiting === 0, {
        deadlineMs: 90_000,
      });
      expect(await bus().transport.dead.count()).to.equal(0);
    });
  },
  writePricing,
);
