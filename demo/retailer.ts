import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { connect, type Host, type Log, openBus, type Service } from '../src/index.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FOLDER = `${ROOT}.waybill-demo`;

/** The retailer's bus and its services, all in this process. */
export interface Retailer extends AsyncDisposable {
  readonly host: Host;
  /** Connects a service. It is told the url of the bus and its own name, nothing else. */
  connect(service: string): Promise<Service>;
}

/** Opens a bus of the demo's own, applies the sample configuration and runs the router. */
export async function openRetailer(log: Log): Promise<Retailer> {
  await rm(FOLDER, { recursive: true, force: true });
  const broker = process.env['WAYBILL_URL'];
  const { url, config } = broker === undefined ? { url: `embedded:${FOLDER}`, config: ROOT } : await privateBus(broker);
  const host = await openBus({ config, url, log });
  const services: Service[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.close()));
    await host.close();
  };
  try {
    await host.apply('demo');
    await host.startRouter();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    host,
    async connect(name) {
      const service = await connect({ service: name, url, log });
      services.push(service);
      return service;
    },
    [Symbol.asyncDispose]: close,
  };
}

/** On a broker that others use too: the same configuration under a name that nobody has, so that no queue is shared. */
async function privateBus(broker: string): Promise<{ url: string; config: string }> {
  if (!/^amqps?:/.test(broker)) {
    throw new Error(
      `the demo runs in a folder of its own or on a RabbitMQ: unset WAYBILL_URL (${broker}), or say amqp://...`,
    );
  }
  const name = `retail-demo-${Date.now().toString(36)}`;
  await mkdir(FOLDER, { recursive: true });
  for (const part of ['routes', 'schemas']) await cp(`${ROOT}${part}`, `${FOLDER}/${part}`, { recursive: true });
  const written = await readFile(`${ROOT}waybill.yaml`, 'utf8');
  await writeFile(`${FOLDER}/waybill.yaml`, written.replace(/^bus: .*$/m, `bus: ${name}`));
  const url = new URL(broker);
  url.searchParams.set('bus', name);
  return { url: url.href, config: FOLDER };
}
