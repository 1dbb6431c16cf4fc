import { expect } from 'chai';
import { systemClock } from '../../src/ports/clock.ts';
import type { Outgoing } from '../../src/ports/transport.ts';
import { Dispatcher, type DispatcherOptions } from '../../src/runtime/dispatcher.ts';
import { Collector } from '../support/collector.ts';
import { onBus, outgoing, series } from '../support/messages.ts';
import { testLog } from '../support/targets.ts';
import { conformance } from './conformance.ts';

const FLOW = { oms: { takes: ['shop.order.placed@1'] }, mail: {} };
const RETRY = { immediate: 1, attempts: 3, delayMs: 10, factor: 1, maxMs: 10 };

function dispatcher(options: Pick<DispatcherOptions, 'process' | 'renew'>): Dispatcher {
  return new Dispatcher({
    endpoint: 'oms',
    ordering: 'key',
    retry: RETRY,
    holdMs: 1_000,
    timeoutMs: 1_000,
    concurrency: 1,
    clock: systemClock,
    log: testLog,
    ...options,
  });
}

conformance('results that are refused for good', ({ open }) => {
  it('are made again when the plan has no such endpoint any more, in the order of their key', async () => {
    const { transport } = await open({ endpoints: FLOW });
    await transport.send(onBus(series('k', 20)));
    const result = (id: string, endpoint: string): Outgoing => outgoing({ id: `r-${id}`, key: 'k' }, { endpoint });
    const attended = dispatcher({
      process: ({ delivery: { message } }) => {
        const { id } = message.envelope;
        return { outcome: 'done', sends: [result(id, id === 'k7' ? 'gone' : 'mail')] };
      },
      renew: ({ message }) => ({ outcome: 'done', sends: [result(message.envelope.id, 'mail')] }),
    });
    await attended.start(transport);
    const mail = await Collector.drain(transport, 'mail');
    await mail.atLeast(20);
    await attended.close(5_000);
    expect([...new Set(mail.ids)]).to.deep.equal(Array.from({ length: 20 }, (_, n) => `r-k${String(n)}`));
    expect(await transport.dead.count()).to.equal(0);
  });
});
