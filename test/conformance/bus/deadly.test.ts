import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { connect, openBus } from '../../../src/index.ts';
import { all } from '../../support/collector.ts';
import { program } from '../../support/program.ts';
import { writeRetail } from '../../support/retail.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';
import { untyped } from '../../support/untyped.ts';
import { throughServices } from './services.ts';

const ORDERS = 30;
const DEADLY = 'o17';
/** It is found out at its third crash: the first unsuspected, two more under suspicion. */
const MOST_CRASHES = 8;

/**
 * Runs the deadly service again and again, as a supervisor does, until one process handled all that can be handled and the
 * deadly one is dead: it may be under suspicion still when all others are handled.
 */
async function supervise(
  config: string,
  isDead: () => Promise<boolean>,
): Promise<{ readonly crashes: number; readonly handled: ReadonlySet<string> }> {
  const handled = new Set<string>();
  const { file, execArgv } = await program('test/support/deadly-process.ts');
  for (let crashes = 0; crashes <= MOST_CRASHES; crashes++) {
    const child: ChildProcess = fork(file, [config, DEADLY], { execArgv: [...execArgv] });
    const exit = once(child, 'exit');
    child.on('message', (id) => {
      if (typeof id === 'string') handled.add(id);
    });
    const crashed = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await until(
      'a crash, or all handled and the deadly one dead',
      async () => crashed() || (handled.size === ORDERS - 1 && (await isDead())),
      { deadlineMs: 90_000 },
    );
    if (!crashed()) {
      child.send('close');
      await exit;
      return { crashes, handled };
    }
  }
  throw new Error(`the service crashed more than ${String(MOST_CRASHES)} times`);
}

async function publishOrders(config: string): Promise<void> {
  const shop = await connect({ service: 'shop', config, log: testLog });
  await untyped(shop).publishMany(
    Array.from({ length: ORDERS }, (_, n) => ({ type: 'shop.order.placed@1', data: { id: `o${String(n)}`, n } })),
  );
  await shop.close();
}

function expectOnlyTheDeadly(
  letters: readonly { readonly message: { readonly body: Uint8Array }; readonly code: string }[],
): void {
  const orders = letters.map(({ message, code }) => `${code} ${Buffer.from(message.body).toString()}`);
  expect(orders, orders.join()).to.have.length(1);
  expect(letters[0]?.code).to.equal('WB_HANDLER_CRASHED');
  expect(Buffer.from(letters[0]?.message.body ?? []).toString()).to.contain(`"${DEADLY}"`);
}

throughServices('a message that kills its process', (bus) => {
  it('is found out and kept as a dead letter; all others are handled', async function () {
    this.timeout(360_000);
    await publishOrders(bus().folder);
    const { dead } = bus().transport;
    const { crashes, handled } = await supervise(bus().folder, async () => (await dead.count()) > 0);
    expect(handled.size).to.equal(ORDERS - 1);
    expect(crashes).to.be.greaterThan(1);
    expectOnlyTheDeadly(await all(bus().transport.dead.list()));
  });
});

describe('a message that kills the owner of the folder', () => {
  it('is found out and kept as a dead letter; all others are handled', async function () {
    this.timeout(360_000);
    const folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    try {
      await writeRetail(folder, { bus: 'retail', transport: `embedded:${folder}/store` });
      await publishOrders(folder);
      // Who looks into the folder would own it after the next crash.
      const { handled } = await supervise(folder, () => Promise.resolve(true));
      expect(handled.size).to.equal(ORDERS - 1);
      const host = await openBus({ config: folder, log: testLog });
      try {
        expectOnlyTheDeadly(await all(host.transport.dead.list()));
        const { ledger } = await host.transport.stats();
        expect(ledger).to.include({ dead: 1, waiting: 0 });
      } finally {
        await host.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
