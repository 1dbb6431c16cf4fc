import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Host, openBus, serviceOn } from '../../../src/index.ts';
import { writeRetail } from '../../support/retail.ts';
import { testLog } from '../../support/targets.ts';
import { until } from '../../support/until.ts';
import { type UntypedContext, type UntypedService, untyped } from '../../support/untyped.ts';

describe('handling', () => {
  let folder = '';
  let host: Host;
  const services: UntypedService[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    await writeRetail(folder, { bus: 'retail', transport: `embedded:${folder}/store` });
    host = await openBus({ config: folder, log: testLog });
    await host.host();
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.close();
    await host.close();
    await rm(folder, { recursive: true, force: true });
  });

  function service(name: string): UntypedService {
    const made = untyped(serviceOn(host, name));
    services.push(made);
    return made;
  }

  const settled = async (): Promise<number> => (await host.transport.stats()).ledger.done;

  it('waits for whatever can be awaited, such as a query that runs when it is', async () => {
    let finish: (() => void) | undefined;
    const query = {
      // What a query builder returns is not a promise, and has it
      then(resolve: () => void): void {
        finish = resolve;
      },
    };
    await service('oms')
      .handle('shop.order.placed@1', () => query as unknown as Promise<void>)
      .start();
    await service('shop').publish('shop.order.placed@1', { id: 'o' });
    const end = await until('the query', () => finish);
    expect(await settled()).to.equal(0);
    end();
    await until('the end of the delivery', async () => (await settled()) === 1);
  });

  it('refuses what is published after the handler has returned, by name', async () => {
    let kept: UntypedContext | undefined;
    const oms = service('oms').handle('shop.order.placed@1', (_, context) => {
      kept = context;
    });
    await oms.start();
    await service('shop').publish('shop.order.placed@1', { id: 'o' });
    const context = await until('the end of the handler', async () => (await settled()) === 1 && kept);
    expect(() => context.publish('oms.order.accepted@1', { id: 'o' }))
      .to.throw('after its handler had ended')
      .with.property('code', 'WB_CLOSED');
  });

  it('hands over what cannot be changed', async () => {
    let thrown: unknown;
    await service('oms')
      .handle('shop.order.placed@1', (message) => {
        try {
          Object.assign(message, { id: 'mine' });
        } catch (error) {
          thrown = error;
        }
      })
      .start();
    await service('shop').publish('shop.order.placed@1', { id: 'o' });
    await until('the end of the delivery', async () => (await settled()) === 1);
    expect(thrown).to.be.an.instanceOf(TypeError);
  });

  it('masks what is sensitive where a handler logs the message or its data', async () => {
    const said: object[] = [];
    const log = { ...testLog, warn: (fields: object) => said.push(fields) };
    await host.close();
    host = await openBus({ config: folder, log });
    await host.host();
    await service('oms')
      .handle('shop.order.placed@1', (message, context) => {
        context.log.warn({ message, data: message.data, step: 'check' }, 'a look at it');
        if (typeof message.data === 'object' && message.data !== null) context.log.warn(message.data, 'all of it');
      })
      .start();
    await service('shop').publish('shop.order.placed@1', { id: 'o-1', card: '4111' });
    await until('the end of the delivery', async () => (await settled()) === 1);
    const [line] = said;
    expect(line).to.deep.include({ data: { id: 'o-1', card: '***' }, endpoint: 'oms', step: 'check' });
    expect(said[1]).to.deep.include({ id: 'o-1', card: '***' });
    expect(JSON.stringify(line)).to.include('"source":"/shop"').and.not.include('4111');
  });

  it('refuses options with which nothing would ever be handled', () => {
    const oms = service('oms');
    for (const options of [{ concurrency: 0 }, { concurrency: Number.NaN }, { timeoutMs: -1 }]) {
      expect(() => oms.handle('shop.order.placed@1', () => undefined, options))
        .to.throw('of at least 1')
        .with.property('code', 'WB_OPTION_INVALID');
    }
  });
});
