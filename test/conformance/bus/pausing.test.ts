import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { openBus } from '../../../src/index.ts';
import { rejection } from '../../support/rejection.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';
import { throughServices } from './services.ts';

const ACCEPTED = 'oms.order.accepted@1';

throughServices('pausing', (bus) => {
  /** As another process would: `waybill pause`. */
  const operate = async <T>(act: (host: Awaited<ReturnType<typeof openBus>>) => Promise<T>): Promise<T> => {
    await using host = await openBus({ config: bus().folder, log: testLog });
    return await act(host);
  };

  const statesOf = async (endpoint: string) => {
    const { endpoints } = await bus().transport.stats();
    const found = endpoints.find(({ name }) => name === endpoint);
    return {
      waiting: found?.waiting ?? 0,
      inHand: found?.inHand ?? 0,
      paused: found?.states.flatMap(({ paused = [] }) => paused),
    };
  };

  const isPaused = (endpoint: string) =>
    until(`${endpoint} to be paused`, async () =>
      (await statesOf(endpoint)).paused?.some((text) => text.startsWith('by kim')),
    );

  it('lets a service wait in all its processes, over their restarts, and lose nothing', async () => {
    const got: string[] = [];
    const attend = async () => {
      const mail = await bus().connect('mail');
      mail.handle(ACCEPTED, ({ data }) => {
        got.push((data as { id: string }).id);
      });
      await mail.start();
      return mail;
    };
    const first = await attend();
    const oms = await bus().connect('oms');
    await oms.publish(ACCEPTED, { id: 'before' });
    await until('the first', () => got.length === 1);
    expect(await operate((host) => host.pause('mail', 'kim', 'moving'))).to.equal('mail');
    await isPaused('mail');
    expect(first.paused).to.match(/^by kim, .*: moving$/);
    // One process alone cannot undo what holds for all.
    first.resume();
    await oms.publish(ACCEPTED, { id: 'meanwhile' });
    await until('it to wait', async () => {
      const { waiting, inHand } = await statesOf('mail');
      return waiting + inHand === 1;
    });
    await first.close();
    const second = await attend();
    await isPaused('mail');
    expect(second.paused).to.match(/^by kim/);
    expect(got).to.deep.equal(['before']);
    expect(await operate((host) => host.resume('mail', 'kim'))).to.deep.equal({ endpoint: 'mail', was: true });
    await until('the second', () => got.length === 2);
    expect(got).to.deep.equal(['before', 'meanwhile']);
    expect(await operate((host) => host.resume('mail', 'kim'))).to.deep.equal({ endpoint: 'mail', was: false });
  });

  it('lets the router wait; an apply leaves it so, and what is in force is said', async () => {
    const shop = await bus().connect('shop');
    const billing = await bus().connect('billing');
    const got: string[] = [];
    billing.handle('billing.claim.made@1', ({ data }) => {
      got.push((data as { orderId: string }).orderId);
    });
    await billing.start();
    await operate((host) => host.pause('router', 'kim'));
    await isPaused('router');
    await writeFile(
      join(bus().folder, 'routes', 'late.yaml'),
      'from: shop.cart.abandoned@1\nenabled: false\nsteps:\n  - map: { to: oms.order.accepted@1, set: { id: data.id } }\nto: mail\n',
    );
    await operate(async (host) => {
      await host.apply('somebody else');
    });
    await shop.publish('shop.order.cancelled@1', { id: 'o1', total: 1 });
    await until('it to wait', async () => {
      const { waiting, inHand } = await statesOf('router');
      return waiting + inHand === 1;
    });
    expect(Object.keys((await bus().transport.manifest())?.paused ?? {})).to.deep.equal(['router']);
    await operate((host) => host.pause('billing', 'kim'));
    await isPaused('billing');
    // Two at once: neither undoes what the other does.
    await Promise.all([operate((host) => host.pause('oms', 'kim')), operate((host) => host.resume('router', 'kim'))]);
    expect(Object.keys((await bus().transport.manifest())?.paused ?? {})).to.have.members(['billing', 'oms']);
    expect(got).to.deep.equal([]);
    await operate((host) => host.resume('oms', 'kim'));
    await operate((host) => host.resume('billing', 'kim'));
    await until('it', () => got.length === 1);
  });

  it('refuses by name what has no endpoint of its own', async () => {
    await operate(async (host) => {
      expect(await rejection(host.pause('mial', 'kim'))).to.include({
        code: 'WB_PAUSE_REFUSED',
        fix: 'did you mean mail?',
      });
      for (const { name, road } of host.plan.routes) {
        if (road === 'isolated') continue;
        expect(await rejection(host.pause(name, 'kim')), name).to.include({ code: 'WB_PAUSE_REFUSED' });
      }
    });
  });
});
