import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Host, openBus, type Service, type Transport } from '../../../src/index.ts';
import { brokerUrl, busName } from '../../support/broker.ts';
import { program } from '../../support/program.ts';
import { writeRetail } from '../../support/retail.ts';
import { testLog } from '../../support/targets.ts';
import { type UntypedService, untyped } from '../../support/untyped.ts';

/** The bus of `support/retail.ts`, as its services see it. */
export interface Retail {
  connect(service: string): Promise<UntypedService>;
  /** For what the SDK has no word for: dead letters, messages that no service would send. */
  readonly transport: Transport;
  /** Of the configuration. */
  readonly folder: string;
}

/** A way to have it run, as the conformance suite has them. */
interface Ground {
  readonly name: string;
  url(context: Mocha.Context, folder: string): Promise<string>;
  /** Has somebody else run the router. */
  host(config: string): Promise<{ close(): Promise<void> } | undefined>;
}

const GROUNDS: readonly Ground[] = [
  {
    name: 'embedded, owned',
    url: (_, folder) => Promise.resolve(`embedded:${folder}/store`),
    host: () => Promise.resolve(undefined),
  },
  {
    name: 'embedded, attached',
    url: (_, folder) => Promise.resolve(`embedded:${folder}/store`),
    host: async (config) => {
      const { file, execArgv } = await program('test/support/host-process.ts');
      const child: ChildProcess = fork(file, [config], { execArgv: [...execArgv] });
      const first: unknown[] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
      if (first[0] !== 'ready') throw new Error(`the host ended with ${String(first[0])}`);
      return {
        async close() {
          const exit = once(child, 'exit');
          child.send('close');
          const [code] = (await exit) as unknown[];
          if (code !== 0) throw new Error(`the host ended with ${String(code)}`);
        },
      };
    },
  },
  {
    name: 'RabbitMQ',
    url: (context) => brokerUrl(context),
    host: async (config) => {
      const host = await openBus({ config, log: testLog });
      await host.apply('tests');
      await host.startRouter();
      return host;
    },
  },
];

/** Runs one set of tests through the SDK on every transport. @param write writes the configuration of the bus */
export function throughServices(
  title: string,
  define: (bus: () => Retail) => void,
  write: typeof writeRetail = writeRetail,
): void {
  const only = process.env['WAYBILL_TEST_ONLY'] ?? '';
  for (const ground of GROUNDS.filter(({ name }) => name.includes(only))) {
    describe(`${title} [${ground.name}]`, () => {
      let folder = '';
      let router: { close(): Promise<void> } | undefined;
      let watcher: Host | undefined;
      const services: Service[] = [];

      beforeEach(async function () {
        folder = await mkdtemp(join(tmpdir(), 'waybill-'));
        const transport = await ground.url(this, folder);
        await write(folder, { bus: busName('retail'), transport });
        router = await ground.host(folder);
        watcher = await openBus({ config: folder, log: testLog });
        // Where nobody else does, this process owns the folder and runs the router.
        if (router === undefined) await watcher.host();
      });

      afterEach(async () => {
        for (const service of services.splice(0)) await service.close();
        await router?.close();
        await watcher?.close();
        await rm(folder, { recursive: true, force: true });
      });

      define(() => {
        if (watcher === undefined) throw new Error('the bus is not open');
        return {
          transport: watcher.transport,
          folder,
          async connect(service) {
            const connected = await connect({ service, config: folder, log: testLog });
            services.push(connected);
            return untyped(connected);
          },
        };
      });
    });
  }
}
