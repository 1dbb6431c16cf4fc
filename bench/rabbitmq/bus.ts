import { openRabbit } from '../../src/adapters/rabbitmq/transport.ts';
import { serviceOn } from '../../src/bus.ts';
import { checkConfiguration } from '../../src/config/check.ts';
import type { Definition } from '../../src/config/definition.ts';
import { compilePlan } from '../../src/plan/compile.ts';
import { systemClock } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import { Host } from '../../src/runtime/host.ts';
import { untyped } from '../../test/support/untyped.ts';
import { writeConfiguration } from '../corpus.ts';
import type { Arrived, Consumer, Publisher, Site } from './actor.ts';
import type { Column } from './columns.ts';
import { refs } from './load.ts';

/** Whatever the bus has to complain of would spoil the figures. */
const complain = (fields: object, text: string): void => {
  process.stderr.write(`${text} ${JSON.stringify(fields)}\n`);
};
const log: Log = { debug: () => undefined, info: () => undefined, warn: complain, error: complain };

/** Waybill as `connect` opens it, with batches switched off where the column wants it. */
async function open({ url, folder }: Site, { batches }: Column): Promise<Host> {
  const { plan } = await checkConfiguration({ config: folder });
  if (plan === undefined) throw new Error(`the configuration in ${folder} is faulty`);
  const { bus } = plan.definition;
  const transport = await openRabbit({ url, bus, batches, log, clock: systemClock });
  return new Host({
    plan,
    source: 'configuration',
    transport,
    clock: systemClock,
    log,
    planOf: (manifest) => {
      const compiled = compilePlan(manifest.definition as Definition, { trusted: true });
      return compiled.plan === undefined ? Promise.reject(new Error('faulty plan')) : Promise.resolve(compiled.plan);
    },
  });
}

export async function declareBus(site: Site, column: Column): Promise<void> {
  const road = site.hops === 1 ? 'direct' : 'inline';
  await writeConfiguration(site.folder, {
    road,
    transport: site.url,
    contracts: column.contracts || road === 'inline',
  });
  const host = await open(site, column);
  await host.apply('bench');
  await host.close();
}

export async function busPublisher(site: Site, column: Column): Promise<Publisher> {
  const host = await open(site, column);
  const service = untyped(serviceOn(host, 'orders'));
  return {
    publish({ ref, data }, done) {
      service.publish(ref, data).then(done, fail);
    },
    flush: () => undefined,
    async sent() {
      const { tallies } = await host.transport.stats();
      return { parcels: tallies['transport.parcels'] ?? 0, messages: tallies['transport.messages'] ?? 0 };
    },
    close: () => host.close(),
  };
}

export async function busConsumer(site: Site, column: Column, arrived: Arrived): Promise<Consumer> {
  const host = await open(site, column);
  const service = untyped(serviceOn(host, 'orders', (timeoutMs) => host.close(timeoutMs)));
  for (const ref of site.hops === 1 ? refs() : ['bench.shipment.asked@1']) {
    service.handle(ref, ({ data }) => {
      if (typeof data === 'object' && data !== null && 'at' in data && typeof data.at === 'number') arrived(data.at);
    });
  }
  await service.start();
  return service;
}

export async function busRouter(site: Site, column: Column): Promise<Consumer> {
  const host = await open(site, column);
  await host.startRouter();
  return host;
}

function fail(error: unknown): void {
  complain({ error: String(error) }, 'a publish failed');
  process.exitCode = 1;
  process.disconnect();
}
