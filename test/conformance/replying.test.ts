import { expect } from 'chai';
import type { EncodedMessage } from '../../src/message.ts';
import { all, Collector, done } from '../support/collector.ts';
import { message, outgoing } from '../support/messages.ts';
import { rejection } from '../support/rejection.ts';
import { until, within } from '../support/until.ts';
import { conformance } from './conformance.ts';

const PRICING = { pricing: { takes: ['pricing.quote@1'] } };
const question = { type: 'pricing.quote', version: 1 };

/** What came in at an address. */
class Answers {
  readonly got: { readonly message: EncodedMessage; readonly tag: string }[] = [];
  readonly take = (answer: EncodedMessage, tag: string): void => {
    this.got.push({ message: answer, tag });
  };

  async atLeast(count: number): Promise<void> {
    await until(`${String(count)} answers`, () => this.got.length >= count, {
      deadlineMs: 60_000,
      describe: () => String(this.got.length),
    });
  }
}

conformance('answers', ({ open, create }) => {
  it('hands over to the process at the address, and to no other, with the settlement of the request', async () => {
    const { transport } = await open({ endpoints: PRICING });
    const [mine, other] = [new Answers(), new Answers()];
    const replies = await transport.openReplies(mine.take);
    await transport.openReplies(other.take);
    const collector = await Collector.start(transport, 'pricing');
    await transport.send([outgoing({ ...question, replyTo: `${replies.address}.t1` })]);
    const [delivery] = await collector.atLeast(1);
    if (delivery === undefined) throw new Error('no delivery');
    expect(delivery.message.envelope.replyTo).to.equal(`${replies.address}.t1`);
    const answer = message({ type: 'pricing.quoted', id: 'a', data: { price: 1 } });
    const send = { to: { reply: `${replies.address}.t1` }, message: answer };
    await collector.consumer.settle([{ delivery, outcome: 'done', sends: [send] }]);
    await mine.atLeast(1);
    expect(mine.got).to.have.length(1);
    expect(mine.got[0]?.tag).to.equal('t1');
    expect(mine.got[0]?.message.envelope).to.deep.include({ type: 'pricing.quoted', id: 'a' });
    expect(Buffer.from(mine.got[0]?.message.body ?? []).toString()).to.equal('{"price":1}');
    expect(other.got).to.have.length(0);
    expect((await transport.stats()).parked).to.equal(0);
  });

  it('reaches a process from another one, and a thousand answers go each to its tag', async () => {
    const bus = await create({ endpoints: PRICING });
    const [asking, answering] = [await bus.connect(), await bus.connect()];
    const answers = new Answers();
    const replies = await asking.openReplies(answers.take);
    const tags = Array.from({ length: 1_000 }, (_, n) => n.toString(36));
    await Promise.all(
      tags.map((tag) =>
        answering.send([{ to: { reply: `${replies.address}.${tag}` }, message: message({ id: `a-${tag}` }) }]),
      ),
    );
    await answers.atLeast(tags.length);
    expect(answers.got.every(({ message: { envelope }, tag }) => envelope.id === `a-${tag}`)).to.be.true;
    expect(new Set(answers.got.map(({ tag }) => tag)).size).to.equal(tags.length);
  });

  it('keeps what nobody is there for in the parking lot, and does not hold up who sends it', async function () {
    this.timeout(160_000);
    const { transport } = await open({ endpoints: PRICING });
    const answers = new Answers();
    const replies = await transport.openReplies(answers.take);
    await replies.close();
    await within('the send', transport.send([outgoing({ id: 'late' }, { reply: `${replies.address}.t` })]));
    await until('the parked answer', async () => (await transport.parked.count()) === 1, { deadlineMs: 60_000 });
    const [letter] = await all(transport.parked.list());
    expect(letter?.message.envelope.id).to.equal('late');
    expect(answers.got).to.have.length(0);
  });

  it('settles a request whose asker is gone although the parking lot is full', async function () {
    this.timeout(160_000);
    const { transport } = await open({ endpoints: PRICING, parking: 1 });
    const collector = await Collector.start(transport, 'pricing');
    // A full lot of the broker takes one more.
    const nobody = outgoing({ id: 'first' }, { reply: 'gone.t' });
    await transport.send([nobody]);
    await transport.send([outgoing(question), outgoing(question)]);
    for (const delivery of await collector.atLeast(2)) {
      const sends = [outgoing({ id: `late of ${delivery.message.envelope.id}` }, { reply: 'gone.t' })];
      await within('the settlement', collector.consumer.settle([{ delivery, outcome: 'done', sends }]));
    }
    await collector.close();
    const again = await Collector.start(transport, 'pricing');
    await transport.send([outgoing({ ...question, id: 'next' })]);
    expect((await again.atLeast(1)).map(({ message: { envelope } }) => envelope.id)).to.deep.equal(['next']);
  });

  it('keeps its address when the connection breaks, and is ready again by itself', async function () {
    this.timeout(240_000);
    const bus = await create({ endpoints: PRICING });
    if (bus.cut === undefined) return this.skip();
    const transport = await bus.connect();
    const answers = new Answers();
    const replies = await transport.openReplies(answers.take);
    let lost = false;
    transport.onStatus(({ connected }) => {
      lost ||= !connected;
    });
    await bus.cut();
    await until('the loss', () => lost, { deadlineMs: 60_000 });
    await until('the connection', () => transport.status().connected, { deadlineMs: 60_000 });
    await within('the address', replies.ready());
    const collector = await Collector.start(transport, 'pricing', {
      each: (delivery) => ({
        ...done(delivery),
        sends: [outgoing({ id: 'answer' }, { reply: delivery.message.envelope.replyTo ?? '' })],
      }),
    });
    await transport.send([outgoing({ ...question, replyTo: `${replies.address}.t2` })]);
    await answers.atLeast(1);
    expect(answers.got[0]).to.have.property('tag', 't2');
    await collector.close();
  });

  it('is refused by name once closed, and closes twice in peace', async () => {
    const { transport } = await open({ endpoints: PRICING });
    const replies = await transport.openReplies(() => undefined);
    await within('two closes', Promise.all([replies.close(), replies.close()]));
    const open2 = await transport.openReplies(() => undefined);
    await transport.close();
    await within('a close after the connection', open2.close());
    expect(await rejection(open2.ready())).to.have.property('code', 'WB_CLOSED');
    expect(await rejection(transport.openReplies(() => undefined))).to.have.property('code', 'WB_CLOSED');
  });
});
