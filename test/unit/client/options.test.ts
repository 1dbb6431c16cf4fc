import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type ConnectOptions,
  connect,
  type HandleOptions,
  type Host,
  openBus,
  serviceOn,
  WaybillError,
} from '../../../src/index.ts';
import { rejection } from '../../support/rejection.ts';
import { writeRetail } from '../../support/retail.ts';
import { testLog } from '../../support/targets.ts';
import { type UntypedHandler, untyped } from '../../support/untyped.ts';

describe('a call from plain JavaScript', () => {
  let folder = '';
  let host: Host;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'waybill-'));
    await writeRetail(folder, { bus: 'retail', transport: `embedded:${folder}/store` });
    host = await openBus({ config: folder, log: testLog });
    await host.host();
  });
  afterEach(async () => {
    await host.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('of connect is told which option it misspelt, or that the service is missing', async () => {
    const refused = (options: unknown): Promise<WaybillError> => rejection(connect(options as ConnectOptions));
    expect(await refused({ servce: 'crm' })).to.include({ code: 'WB_OPTION_INVALID', fix: 'did you mean service?' });
    expect(await refused({ service: 'crm', confg: folder })).to.include({ fix: 'did you mean config?' });
    for (const nothing of [undefined, null, {}, 'crm', { service: 3 }])
      expect((await refused(nothing)).message).to.contain('the name of the service is missing');
  });

  it('of publish is told of an option that there is not, and sends nothing', async () => {
    await using shop = untyped(serviceOn(host, 'shop'));
    const misspelt: object = { keey: 'c' };
    const [type, data] = ['shop.order.placed@1', { id: 'o' }];
    expect(await rejection(shop.publish(type, data, misspelt))).to.include({ fix: 'did you mean key?' });
    expect((await rejection(shop.publishMany([{ type, data, ...misspelt }]))).message)
      .to.contain('message 0 of 1')
      .and.contain('keey');
    expect((await host.transport.stats()).ledger.made).to.equal(0);
    await shop.publish(type, data, { key: 'c' });
  });

  it('of publish is told of an attribute that is no text, which no other message is to suffer from', async () => {
    await using shop = untyped(serviceOn(host, 'shop'));
    const names = ['key', 'id', 'subject', 'time', 'correlationId', 'causationId', 'traceparent', 'tracestate'];
    for (const name of [...names, 'expiryTime', 'headers']) {
      for (const value of [5, 5n, null, Symbol('x')]) {
        const options: object = { [name]: value };
        const refused = await rejection(shop.publish('shop.order.placed@1', { id: 'o' }, options));
        expect(refused.code, `${name} ${typeof value}: ${refused.message}`).to.equal('WB_MESSAGE_INVALID');
        expect(refused.message).to.include(name);
      }
    }
    expect((await host.transport.stats()).ledger.made).to.equal(0);
  });

  it('of handle needs a function, and options that there are', async () => {
    await using mail = untyped(serviceOn(host, 'mail'));
    const handle = (handler: unknown, options: unknown): unknown => {
      try {
        return mail.handle('oms.order.accepted@1', handler as UntypedHandler, options as HandleOptions);
      } catch (error) {
        return error instanceof WaybillError ? { code: error.code, fix: error.fix } : error;
      }
    };
    expect(handle(5, {})).to.include({ code: 'WB_OPTION_INVALID' });
    expect(handle(() => undefined, { concurency: 2 })).to.include({ fix: 'did you mean concurrency?' });
    expect(handle(() => undefined, { concurrency: 2 })).to.equal(mail);
  });
});
