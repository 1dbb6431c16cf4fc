import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Transport } from '../../src/ports/transport.ts';
import { Collector } from '../support/collector.ts';
import { onBus, outgoing, rounds } from '../support/messages.ts';
import { expectKeyOrder } from '../support/order.ts';
import { type Peer, PeerProcess } from '../support/peer.ts';
import type { Target } from '../support/peer-protocol.ts';
import { openTarget } from '../support/targets.ts';
import { until } from '../support/until.ts';
import { manifestOf } from './harness.ts';

/** An attached process takes over within 5 s where the machine has time for it; here it may be busy with other tests. @unit milliseconds */
const TAKE_OVER = 60_000;

describe('the owner of a folder', () => {
  const manifest = manifestOf({ endpoints: { oms: { takes: ['shop.order.placed@1'], partitions: 2 } } });
  let folder = '';
  let target: Target;
  let opened: Transport[] = [];
  let processes: PeerProcess[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    target = { kind: 'embedded', folder, bus: manifest.bus, parkingBytes: 1_000_000 };
  });
  afterEach(async () => {
    for (const process of processes) await process.kill();
    for (const transport of opened) await transport.close();
    opened = [];
    processes = [];
    await rm(folder, { recursive: true, force: true });
  });

  const attach = async (): Promise<Transport> => {
    const transport = await openTarget(target);
    opened.push(transport);
    return transport;
  };
  const owner = async (): Promise<Peer> => {
    const process = await PeerProcess.start();
    processes.push(process);
    const peer = await process.open(target);
    expect(await peer.owner()).to.be.true;
    await peer.apply(manifest);
    return peer;
  };

  it('is followed by an attached process within 5 s when it is killed', async () => {
    const first = await owner();
    const transport = await attach();
    expect(transport.status()).to.include({ connected: true, owner: false });
    await transport.send(onBus(rounds(4, 5)));
    await first.kill();
    await until('the take-over', () => transport.status().owner, { deadlineMs: TAKE_OVER });
    await transport.send(onBus(rounds(4, 10, 5)));
    const collector = await Collector.drain(transport, 'oms');
    await collector.atLeast(40);
    expectKeyOrder(collector.deliveries, 10);
    expect(await transport.manifest()).to.deep.equal(manifest);
  });

  it('is followed by an attached process when it closes in peace', async () => {
    const first = await owner();
    const transport = await attach();
    await transport.send([outgoing()]);
    await first.close();
    await until('the take-over', () => transport.status().owner, { deadlineMs: TAKE_OVER });
    expect((await transport.stats()).ledger).to.include({ made: 1, waiting: 1 });
  });

  it('is followed by exactly one of several, to whom the others attach', async () => {
    const first = await owner();
    const attached = [await attach(), await attach(), await attach()];
    await first.kill();
    await until('the take-over', () => attached.some((each) => each.status().owner), { deadlineMs: TAKE_OVER });
    await until('all to be connected', () => attached.every((each) => each.status().connected), {
      deadlineMs: TAKE_OVER,
    });
    expect(attached.filter((each) => each.status().owner)).to.have.length(1);
    for (const [n, each] of attached.entries()) await each.send([outgoing({ id: `m${String(n)}`, key: 'k' })]);
    const [one] = attached;
    if (one === undefined) throw new Error('nobody is attached');
    const collector = await Collector.drain(one, 'oms');
    await collector.atLeast(3);
    expect(collector.ids).to.deep.equal(['m0', 'm1', 'm2']);
  });

  it('is killed again and again, and nothing that was acknowledged is lost', async function () {
    this.timeout(240_000);
    const acknowledged: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const next = await owner();
      for (const each of rounds(3, (turn + 1) * 3, turn * 3)) {
        await next.send(onBus([each]));
        acknowledged.push(each.envelope.id);
      }
      await next.kill();
    }
    const collector = await Collector.drain(await attach(), 'oms');
    await collector.atLeast(acknowledged.length);
    expect([...collector.ids].sort()).to.deep.equal([...acknowledged].sort());
    expectKeyOrder(collector.deliveries, 12);
  });

  it('lets nobody else at its socket', async function () {
    if (process.platform === 'win32') return this.skip();
    await attach();
    const sockets = readdirSync(folder).filter((name) => statSync(join(folder, name)).isSocket());
    expect(sockets).to.have.length(1);
    for (const name of sockets) expect(statSync(join(folder, name)).mode & 0o077, name).to.equal(0);
  });
});
