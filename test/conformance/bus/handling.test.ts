import { expect } from 'chai';
import type { DeadLetter, Message, Office } from '../../../src/index.ts';
import { WaybillError } from '../../../src/index.ts';
import { all, Collector } from '../../support/collector.ts';
import { message } from '../../support/messages.ts';
import { rejection } from '../../support/rejection.ts';
import { until, within } from '../../support/until.ts';
import type { UntypedContext, UntypedService } from '../../support/untyped.ts';
import { throughServices } from './services.ts';

/** A handler that notes what it got, and what is done with each. */
class Notes {
  readonly messages: Message[] = [];
  readonly attempts: number[] = [];

  handler(act: (message: Message, context: UntypedContext, nth: number) => unknown = () => undefined) {
    return async (received: Message, context: UntypedContext): Promise<void> => {
      this.messages.push(received);
      this.attempts.push(context.attempt);
      await act(received, context, this.messages.length);
    };
  }

  get ids(): string[] {
    return this.messages.map(({ id }) => id);
  }

  async atLeast(count: number, deadlineMs = 45_000): Promise<readonly Message[]> {
    await until(`${String(count)} messages`, () => this.messages.length >= count, {
      deadlineMs,
      describe: () => String(this.messages.length),
    });
    return this.messages.slice(0, count);
  }
}

/** The letters of an office, when there are as many. */
async function letters(office: Office, count: number): Promise<readonly DeadLetter[]> {
  let found: readonly DeadLetter[] = [];
  await until(
    `${String(count)} letters`,
    async () => {
      found = await all(office.list());
      return found.length === count;
    },
    { deadlineMs: 60_000, describe: () => String(found.length) },
  );
  return found;
}

const outage = (): never => {
  throw new WaybillError('WB_HANDLER_FAILED', 'the database is down', { retryable: true });
};

throughServices('handling', (bus) => {
  const attend = async (
    service: string,
    type: string,
    handler: ReturnType<Notes['handler']>,
  ): Promise<UntypedService> => {
    const connected = await bus().connect(service);
    await connected.handle(type, handler).start();
    return connected;
  };
  const oms = (handler: ReturnType<Notes['handler']>): Promise<UntypedService> =>
    attend('oms', 'shop.order.placed@1', handler);

  it('hands over the message with what the publisher left out filled in', async () => {
    const notes = new Notes();
    await oms(notes.handler());
    const shop = await bus().connect('shop');
    const { id } = await shop.publish('shop.order.placed@1', { id: 'o1', n: 1 }, { subject: 'orders/o1' });
    const [received] = await notes.atLeast(1);
    expect(received).to.deep.include({
      id,
      source: '/shop',
      type: 'shop.order.placed',
      version: 1,
      subject: 'orders/o1',
    });
    expect(received).to.deep.include({ key: 'o1', correlationId: id, data: { id: 'o1', n: 1 } });
    expect(Date.parse(received?.time ?? '')).to.be.a('number').and.not.NaN;
    expect(Object.isFrozen(received)).to.be.true;
  });

  it('holds what a handler publishes until it returns', async () => {
    const mail = new Notes();
    await attend('mail', 'oms.order.accepted@1', mail.handler());
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const notes = new Notes();
    const service = await oms(
      notes.handler(async ({ data }, context) => {
        context.publish('oms.order.accepted@1', data);
        await gate;
      }),
    );
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'held' });
    await notes.atLeast(1);
    await service.publish('oms.order.accepted@1', { id: 'at once' });
    await mail.atLeast(1);
    letGo();
    await mail.atLeast(2);
    expect(mail.messages.map(({ data }) => data)).to.deep.equal([{ id: 'at once' }, { id: 'held' }]);
  });

  it('sends nothing of an attempt that failed, and the same ids in the one that succeeds', async () => {
    const mail = new Notes();
    await attend('mail', 'oms.order.accepted@1', mail.handler());
    const published: string[] = [];
    const notes = new Notes();
    await oms(
      notes.handler(({ data }, context, nth) => {
        published.push(
          context.publish('oms.order.accepted@1', data),
          context.publish('oms.order.accepted@1', { id: 'more' }),
        );
        if (nth < 3) outage();
      }),
    );
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'o' });
    await mail.atLeast(2);
    expect(notes.attempts).to.deep.equal([1, 2, 3]);
    expect(published.slice(0, 2)).to.deep.equal(published.slice(2, 4)).and.to.deep.equal(published.slice(4, 6));
    expect(published[0]).to.not.equal(published[1]);
    expect([...mail.ids].sort()).to.deep.equal(published.slice(0, 2).sort());
  });

  it('lets the ids of the conversation flow', async () => {
    const mail = new Notes();
    await attend('mail', 'oms.order.accepted@1', mail.handler());
    const notes = new Notes();
    await oms(notes.handler(({ data }, context) => context.publish('oms.order.accepted@1', data)));
    const shop = await bus().connect('shop');
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { id } = await shop.publish('shop.order.placed@1', { id: 'o' }, { correlationId: 'talk', traceparent });
    const [received] = await mail.atLeast(1);
    expect(received).to.include({ correlationId: 'talk', causationId: id, traceparent, source: '/oms' });
  });

  it('runs an inline route: what the predicate takes is mapped, the rest is filtered', async () => {
    const notes = new Notes();
    await attend('billing', 'billing.claim.made@1', notes.handler());
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.cancelled@1', { id: 'free', total: 0 });
    const { id } = await shop.publish('shop.order.cancelled@1', { id: 'paid', total: 12.5 });
    const [claim] = await notes.atLeast(1);
    expect(claim).to.deep.include({
      type: 'billing.claim.made',
      key: 'paid',
      causationId: id,
      data: { orderId: 'paid', amount: 12.5 },
    });
    expect(notes.messages).to.have.length(1);
    expect(await bus().transport.dead.count()).to.equal(0);
  });

  it('makes a dead letter of a message that its route cannot map, and goes on', async () => {
    const notes = new Notes();
    await attend('billing', 'billing.claim.made@1', notes.handler());
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.cancelled@1', { id: 'negative', total: -1 });
    await shop.publish('shop.order.cancelled@1', { id: 'fine', total: 1 });
    await notes.atLeast(1);
    const { dead } = bus().transport;
    const [letter] = await letters(dead, 1);
    expect(letter).to.include({ endpoint: 'router', route: 'claims', code: 'WB_CONTRACT_VIOLATED' });
    expect(notes.messages.map(({ key }) => key)).to.deep.equal(['fine']);
  });

  it('parks what no route takes', async () => {
    const shop = await bus().connect('shop');
    await shop.publish('shop.cart.abandoned@1', { id: 'cart' });
    await until('the parked message', async () => (await bus().transport.parked.count()) === 1);
  });

  it('holds the key, not the queue, while a delivery retries, and keeps the order of the key', async () => {
    const notes = new Notes();
    let broken = true;
    await oms(
      notes.handler(({ key }) => {
        if (key === 'bad' && broken) outage();
      }),
    );
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'bad', n: 0 });
    await shop.publish('shop.order.placed@1', { id: 'bad', n: 1 });
    for (let n = 0; n < 20; n++) await shop.publish('shop.order.placed@1', { id: `good-${String(n)}`, n });
    await until(
      'the others to pass',
      () => new Set(notes.messages.filter(({ key }) => key !== 'bad').map(({ id }) => id)).size === 20,
    );
    const bad = (): unknown[] => notes.messages.filter(({ key }) => key === 'bad').map(({ data }) => data);
    expect(bad()).to.not.deep.include({ id: 'bad', n: 1 });
    broken = false;
    await until('the key to go on', () => bad().some((data) => JSON.stringify(data) === '{"id":"bad","n":1}'));
    const numbers = bad().map((data) => JSON.stringify(data));
    expect([...new Set(numbers)]).to.deep.equal(['{"id":"bad","n":0}', '{"id":"bad","n":1}']);
    expect(await bus().transport.dead.count()).to.equal(0);
  });

  it('gives a delivery up once it held its key for `hold`, and the key goes on', async () => {
    const notes = new Notes();
    await oms(
      notes.handler(({ data }) => {
        if (JSON.stringify(data).includes('"n":0')) outage();
      }),
    );
    const shop = await bus().connect('shop');
    const { id } = await shop.publish('shop.order.placed@1', { id: 'k', n: 0 });
    const second = await shop.publish('shop.order.placed@1', { id: 'k', n: 1 });
    // Others succeed meanwhile, so that this is no outage.
    const busy = setInterval(() => void shop.publish('shop.order.placed@1', { id: 'other', n: 1 }), 20);
    try {
      const { dead } = bus().transport;
      const [letter] = await letters(dead, 1);
      expect(letter?.message.envelope.id).to.equal(id);
      expect(letter).to.include({ endpoint: 'oms', code: 'WB_HANDLER_FAILED' });
      expect(letter?.error).to.contain('hold');
      expect(letter?.attempts.length).to.be.greaterThan(2);
      await until('the key to go on', () => notes.ids.includes(second.id));
    } finally {
      clearInterval(busy);
    }
  });

  it('gives a delivery up at once when its fault cannot heal', async () => {
    const notes = new Notes();
    await oms(notes.handler());
    const { transport } = bus();
    const broken = message({ id: 'broken', key: 'k', data: { id: 7 } });
    await transport.send([{ to: { endpoint: 'oms' }, message: broken }]);
    const [letter] = await letters(transport.dead, 1);
    expect(letter).to.include({ code: 'WB_CONTRACT_VIOLATED', endpoint: 'oms' });
    expect(letter?.attempts).to.have.length.at.most(1);
    expect(notes.messages).to.deep.equal([]);
  });

  it('pauses in an outage instead of making dead letters, and takes all up when it is over', async () => {
    const notes = new Notes();
    let down = true;
    const service = await oms(
      notes.handler(() => {
        if (down) outage();
      }),
    );
    const shop = await bus().connect('shop');
    for (let n = 0; n < 30; n++) await shop.publish('shop.order.placed@1', { id: `k${String(n % 10)}`, n });
    await until('the pause', () => service.paused !== undefined);
    expect(service.paused).to.contain('the database is down');
    const { transport } = bus();
    if (transport.kind === 'embedded') {
      await until('the pause to be shown', async () =>
        (await transport.stats()).endpoints.some(({ states }) => states.some(({ paused }) => paused !== undefined)),
      );
    }
    const before = notes.messages.length;
    await notes.atLeast(before + 1);
    expect(service.paused, 'a probe that fails keeps it paused').to.not.equal(undefined);
    down = false;
    await until('the resumption', () => service.paused === undefined, { deadlineMs: 45_000 });
    const ok = (): number => new Set(notes.ids).size;
    await until('all', () => ok() === 30);
    expect(await transport.dead.count()).to.equal(0);
  }).timeout(40_000);

  it('lets others pass while a delivery without order waits, and gives it up after its attempts', async () => {
    const notes = new Notes();
    await attend(
      'mail',
      'oms.order.accepted@1',
      notes.handler(({ key }) => {
        if (key === 'bad') outage();
      }),
    );
    const service = await bus().connect('oms');
    await service.publish('oms.order.accepted@1', { id: 'bad' });
    await notes.atLeast(1);
    await service.publish('oms.order.accepted@1', { id: 'good' });
    await notes.atLeast(2);
    expect(notes.messages.map(({ key }) => key)).to.deep.equal(['bad', 'good']);
    const { dead } = bus().transport;
    const [letter] = await letters(dead, 1);
    expect(letter?.attempts).to.have.length(3);
    expect(notes.attempts).to.deep.equal([1, 1, 2, 3]);
  }).timeout(40_000);

  it('succeeds on a later attempt without order', async () => {
    const notes = new Notes();
    await attend(
      'mail',
      'oms.order.accepted@1',
      notes.handler((_, __, nth) => {
        if (nth === 1) outage();
      }),
    );
    const service = await bus().connect('oms');
    await service.publish('oms.order.accepted@1', { id: 'o' });
    await notes.atLeast(2);
    expect(notes.attempts).to.deep.equal([1, 2]);
    expect(await bus().transport.dead.count()).to.equal(0);
  });

  it('counts an attempt that runs out of time as failed, and tells its handler', async () => {
    const notes = new Notes();
    const aborted: boolean[] = [];
    await oms(
      notes.handler(async (_, { signal }, nth) => {
        if (nth > 1) return;
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(true);
            resolve();
          });
        });
      }),
    );
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'slow' });
    await notes.atLeast(2);
    expect(aborted).to.deep.equal([true]);
    expect(notes.attempts).to.deep.equal([1, 2]);
  });

  it('gives up what has expired, without handling it', async () => {
    const notes = new Notes();
    await oms(notes.handler());
    const shop = await bus().connect('shop');
    await shop.publish('shop.order.placed@1', { id: 'late' }, { expiryTime: '2020-01-01T00:00:00Z' });
    await shop.publish('shop.order.placed@1', { id: 'fresh' }, { expiryTime: '2099-01-01T00:00:00Z' });
    await notes.atLeast(1);
    const { dead } = bus().transport;
    await until('the letter', async () => (await all(dead.list({ code: 'WB_EXPIRED' }))).length === 1);
    expect(notes.messages.map(({ key }) => key)).to.deep.equal(['fresh']);
  });

  it('handles a dead letter again when it is redriven', async () => {
    const notes = new Notes();
    let broken = true;
    await oms(
      notes.handler(() => {
        if (broken) throw new WaybillError('WB_CONTRACT_VIOLATED', 'cannot heal');
      }),
    );
    const shop = await bus().connect('shop');
    const { id } = await shop.publish('shop.order.placed@1', { id: 'o' });
    const { dead } = bus().transport;
    await letters(dead, 1);
    broken = false;
    expect(await dead.redrive({ messageId: id }, { by: 'ada' })).to.equal(1);
    await notes.atLeast(2);
    expect(notes.ids).to.deep.equal([id, id]);
    await until('no letter', async () => (await dead.count()) === 0);
  });

  it('finishes what is in hand when it closes, and leaves the rest to the next', async () => {
    const notes = new Notes();
    let letGo = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const service = await oms(notes.handler(() => gate));
    const shop = await bus().connect('shop');
    for (let n = 0; n < 5; n++) await shop.publish('shop.order.placed@1', { id: 'k', n });
    const [first] = await notes.atLeast(1);
    const closing = service.close();
    letGo();
    await within('close', closing);
    expect(notes.messages).to.have.length(1);
    const next = new Notes();
    await oms(next.handler());
    await next.atLeast(4);
    expect(next.messages.map(({ data }) => (data as { n: number }).n)).to.deep.equal([1, 2, 3, 4]);
    expect(next.ids).to.not.include(first?.id);
  });

  it('ends within its timeout when a handler hangs, and the message comes again', async () => {
    const notes = new Notes();
    const service = await oms(notes.handler(() => new Promise(() => undefined)));
    const shop = await bus().connect('shop');
    const { id } = await shop.publish('shop.order.placed@1', { id: 'k' });
    await notes.atLeast(1);
    await within('close', service.close({ timeoutMs: 200 }));
    const next = new Notes();
    await oms(next.handler());
    await next.atLeast(1);
    expect(next.ids).to.deep.equal([id]);
  });
});

throughServices('what a service may do', (bus) => {
  it('refuses to publish what is not declared, and shows the line to add', async () => {
    const shop = await bus().connect('shop');
    const refused = await rejection(shop.publish('oms.order.accepted@1', { id: 'o' }));
    expect(refused.code).to.equal('WB_NOT_DECLARED');
    expect(refused.fix).to.contain('publishes: [').and.to.contain('oms.order.accepted@1');
  });

  it('refuses data that breaks its contract, at publish, and names every fault', async () => {
    const shop = await bus().connect('shop');
    const refused = await rejection(shop.publish('shop.order.placed@1', { id: 7, n: 'x' }));
    expect(refused.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(refused.message).to.contain('/id').and.to.contain('/n');
    expect((await rejection(shop.publish('shop.order.lost@1', {}))).code).to.equal('WB_CONTRACT_UNKNOWN');
    expect((await bus().transport.stats()).ledger.made).to.equal(0);
  });

  it('sends all of publishMany or, when one is bad, none', async () => {
    const shop = await bus().connect('shop');
    const good = { type: 'shop.cart.abandoned@1', data: { id: 'a' } };
    const refused = await rejection(shop.publishMany([good, { ...good, data: { id: 1 } }]));
    expect(refused.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(await bus().transport.parked.count()).to.equal(0);
    expect(await shop.publishMany([good, good, good])).to.have.length(3);
    await until('three', async () => (await bus().transport.parked.count()) === 3);
  });

  it('refuses too large, duplicate keys and __proto__ by name', async () => {
    const shop = await bus().connect('shop');
    const codes: string[] = [];
    for (const json of [
      `{"id":"${'x'.repeat(1_100_000)}"}`,
      '{"id":"a","id":"b"}',
      '{"id":"a","__proto__":{}}',
      '{"id":',
    ]) {
      codes.push((await rejection(shop.publishRaw('shop.order.placed@1', json))).code);
    }
    expect(codes).to.deep.equal(['WB_MESSAGE_TOO_LARGE', 'WB_JSON_DUPLICATE_KEY', 'WB_JSON_PROTO', 'WB_JSON_INVALID']);
  });

  it('refuses to start without a handler of a declared type, and a handler of one that is not', async () => {
    const oms = await bus().connect('oms');
    const missing = await rejection(oms.start());
    expect(missing.code).to.equal('WB_HANDLER_MISSING');
    expect(missing.message).to.contain('shop.order.placed@1');
    expect(() => oms.handle('billing.claim.made@1', () => undefined))
      .to.throw(WaybillError)
      .with.property('code', 'WB_NOT_DECLARED');
  });

  it('refuses to connect as a service that is not declared, with the nearest name', async () => {
    const refused = await rejection(bus().connect('omz'));
    expect(refused.code).to.equal('WB_SERVICE_UNKNOWN');
    expect(refused.fix).to.contain('oms');
  });

  it('refuses to publish once it is closed', async () => {
    const shop = await bus().connect('shop');
    await shop.close();
    expect((await rejection(shop.publish('shop.order.placed@1', { id: 'o' }))).code).to.equal('WB_CLOSED');
  });

  it('does not see a change that the caller makes to its bytes once they are published', async () => {
    const { transport } = bus();
    const shop = await bus().connect('shop');
    const json = Buffer.from('{"id":"mine"}');
    await shop.publishRaw('shop.order.placed@1', json);
    json.fill(0x20);
    const oms = await Collector.start(transport, 'oms');
    const [delivery] = await oms.atLeast(1);
    expect(Buffer.from(delivery?.message.body ?? Buffer.alloc(0)).toString()).to.equal('{"id":"mine"}');
  });

  it('carries a 64-bit number from bytes to bytes untouched', async () => {
    const { transport } = bus();
    const shop = await bus().connect('shop');
    const json = '{"id":"big", "n": 9007199254740993}';
    await shop.publishRaw('shop.cart.abandoned@1', json);
    const [letter] = await letters(transport.parked, 1);
    expect(Buffer.from(letter?.message.body ?? Buffer.alloc(0)).toString()).to.equal(json);
  });
});
