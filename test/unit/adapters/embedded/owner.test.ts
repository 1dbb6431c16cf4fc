import { readdirSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { systemClock } from '../../../../src/ports/clock.ts';
import { Collector } from '../../../support/collector.ts';
import { onBus, outgoing, rounds, series } from '../../../support/messages.ts';
import { expectKeyOrder } from '../../../support/order.ts';
import { rejection } from '../../../support/rejection.ts';
import { until, within } from '../../../support/until.ts';
import { Home, plan } from './home.ts';

describe('the owner of a folder and those attached', () => {
  let home: Home;
  beforeEach(async () => {
    home = await Home.make('bus');
  });
  afterEach(async () => {
    await home.remove();
  });

  it('is not robbed while it is stopped, and goes on when it is not', async function () {
    this.timeout(240_000);
    const peer = await home.peer();
    await peer.apply(plan({ edition: '1' }));
    const attached = await home.open({ bus: 'retail' });
    peer.process.freeze();
    const sent = attached.send([outgoing({ id: 'waits' })]);
    const late = await rejection(attached.send([outgoing()], { deadlineMs: 200 }));
    expect(late).to.include({ code: 'WB_DEADLINE', retryable: true });
    // Its patience is over fifty times sooner.
    const another = home.open({
      clock: { ...systemClock, timer: (ms, fire) => systemClock.timer(ms / 50, fire, true) },
    });
    await rejection(attached.send([outgoing()], { deadlineMs: 500 }));
    expect(attached.status().owner).to.be.false;
    peer.process.thaw();
    await within('the send', sent);
    expect((await within('attaching', another)).status()).to.include({ connected: true, owner: false });
    expect(await peer.owner()).to.be.true;
  });

  it('does not keep those attached from closing while it is stopped', async function () {
    this.timeout(240_000);
    const peer = await home.peer();
    await peer.apply(plan({ edition: '1' }));
    const attached = await home.open({ bus: 'retail' });
    await Collector.start(attached, 'oms');
    peer.process.freeze();
    await within('close', attached.close());
  });

  it('closes although one that is attached is stopped, and does not hang up', async () => {
    const owner = await home.open({ bus: 'retail' });
    await owner.apply(plan({ edition: '1' }));
    const peer = await home.peer();
    await peer.consume('oms', 1);
    peer.process.freeze();
    await within('close', owner.close());
  });

  it('commits nothing any more once another process has taken the folder, and attaches to that', async () => {
    const robbed = await home.open({ bus: 'retail' });
    await robbed.apply(plan({ edition: '1' }));
    await robbed.send([outgoing({ id: 'before', key: 'k' })]);
    // What no process of Waybill does: the record of a living owner is taken away.
    const root = open({ path: home.folder, noSubdir: false, keyEncoding: 'binary', overlappingSync: false });
    const owner = root.openDB<object, string>({
      name: 'owner',
      encoding: 'json',
      keyEncoding: 'ordered-binary',
      useVersions: true,
    });
    const entry = owner.getEntry('owner');
    await owner.put('owner', { ...entry?.value, released: true, nonce: 'nobody' }, (entry?.version ?? 0) + 1);
    await root.close();
    const heir = await home.open();
    expect(heir.status().owner).to.be.true;
    const error = await rejection(robbed.send([outgoing({ id: 'lost' })]));
    expect(error).to.include({ code: 'WB_TRANSPORT_UNAVAILABLE', retryable: true });
    expect((await heir.stats()).ledger.made).to.equal(1);
    await until('the robbed one to attach', () => robbed.status().connected);
    expect(robbed.status().owner).to.be.false;
    await robbed.send([outgoing({ id: 'after', key: 'k' })]);
    const collector = await Collector.drain(heir, 'oms');
    await collector.atLeast(2);
    expect(collector.ids).to.deep.equal(['before', 'after']);
  });

  it('tells who listens that ownership came', async () => {
    const owner = await home.open({ bus: 'retail' });
    const attached = await home.open();
    const told: boolean[] = [];
    attached.onOwner((owns) => told.push(owns));
    await owner.close();
    await until('ownership', () => attached.status().owner);
    expect(told).to.deep.equal([true]);
  });

  it('is followed without those attached doing anything: sends in flight resolve, consumers and taps go on', async function () {
    this.timeout(240_000);
    const peer = await home.peer();
    await peer.apply(plan({ edition: '1', endpoints: { oms: { partitions: 3 } } }));
    const publisher = await home.open({ bus: 'retail' });
    const receiver = await home.open();
    const collector = await Collector.drain(receiver, 'oms');
    const seen: string[] = [];
    await receiver.tap('all', ({ envelope }) => seen.push(envelope.id));
    const sends: Promise<void>[] = [];
    for (let n = 0; n < 400; n++) {
      sends.push(publisher.send(onBus(rounds(5, n + 1, n))));
      if (n === 200) await peer.kill();
      await new Promise((resume) => setImmediate(resume));
    }
    await within('the sends', Promise.all(sends));
    await until('all messages', () => new Set(collector.ids).size === 2_000, {
      deadlineMs: 60_000,
      describe: () => String(new Set(collector.ids).size),
    });
    expectKeyOrder(collector.deliveries, 400);
    seen.length = 0;
    await publisher.send([outgoing({ id: 'shown' })]);
    await until('the tap', () => seen.includes('shown'));
  });

  it('suspects what an attached process had in hand when it was killed, and nothing when it closed', async function () {
    this.timeout(240_000);
    const owner = await home.open({ bus: 'retail' });
    await owner.apply(plan({ edition: '1' }));
    await owner.send(onBus(series('k', 6)));
    const orderly = await home.open();
    const first = await Collector.start(orderly, 'oms', { window: 3 });
    await first.atLeast(3);
    await orderly.close();
    const peer = await home.peer();
    await peer.consume('oms', 3);
    const seen = await peer.atLeast(3);
    expect(seen.map(({ suspect }) => suspect)).to.deep.equal([false, false, false]);
    await peer.kill();
    const collector = await Collector.start(owner, 'oms', { window: 6 });
    const deliveries = await collector.atLeast(6);
    expect(deliveries.map(({ suspect }) => suspect)).to.deep.equal([true, true, true, false, false, false]);
  });

  it('suspects the first window of each partition when the owner was killed, also after a close in peace', async function () {
    this.timeout(240_000);
    const peer = await home.peer();
    await peer.apply(plan({ edition: '1' }));
    await peer.send(onBus(series('k', 8)));
    await peer.consume('oms', 3);
    await peer.atLeast(3);
    await peer.kill();
    const heir = await home.open({ bus: 'retail' });
    await heir.close();
    const last = await home.open();
    const collector = await Collector.start(last, 'oms', { window: 8 });
    const deliveries = await collector.atLeast(8);
    expect(deliveries.map(({ suspect }) => suspect)).to.deep.equal([
      true,
      true,
      true,
      ...Array<boolean>(5).fill(false),
    ]);
  });

  it('cuts a process off that speaks something else, and serves the others', async () => {
    const owner = await home.open({ bus: 'retail' });
    await owner.apply(plan({ edition: '1' }));
    const socket = readdirSync(home.folder).find((name) => name.endsWith('.sock'));
    if (socket === undefined) throw new Error('there is no socket');
    for (const noise of ['GET / HTTP/1.1\r\nhost: x\r\n\r\n', '\u0008\u0000\u0000\u0000\u0002\u0000\u0000\u0000{}xx']) {
      const stranger = createConnection(join(home.folder, socket));
      stranger.on('error', () => undefined);
      stranger.resume();
      const cut = new Promise<void>((resolve) => {
        stranger.once('close', () => {
          resolve();
        });
      });
      stranger.write(noise);
      await within('the cut', cut);
    }
    const attached = await home.open();
    await attached.send([outgoing()]);
    expect((await owner.stats()).ledger.made).to.equal(1);
  });
});
