import { openBus } from '../../src/bus.ts';
import type { Topology } from '../../src/ports/topology.ts';
import { busName } from './broker.ts';
import { Called, type WorkFolder, waybill, workFolder } from './cli.ts';
import { OtlpCollector } from './otlp.ts';
import { removeBus } from './rabbit-bus.ts';
import { testLog } from './targets.ts';
import { TracedProcess, writeTraced } from './traced.ts';

const SERVICES = ['oms', 'mail', 'warehouse', 'finance', 'pricing'] as const;

/** A bus of several processes, each with telemetry, and the collector that they send to. */
export class TracedBus implements AsyncDisposable {
  readonly collector: OtlpCollector;
  readonly folder: WorkFolder;
  readonly name: string;
  readonly url: string | undefined;
  #router: Called | undefined;
  #topology: Topology | undefined;
  readonly #processes = new Map<string, TracedProcess>();

  private constructor(collector: OtlpCollector, folder: WorkFolder, name: string, url: string | undefined) {
    this.collector = collector;
    this.folder = folder;
    this.name = name;
    this.url = url;
  }

  static async start(url: string | undefined): Promise<TracedBus> {
    const bus = new TracedBus(await OtlpCollector.start(), await workFolder(), busName('traced'), url);
    await writeTraced(bus.folder.path, { bus: bus.name, transport: url ?? 'embedded:.waybill' });
    if (url !== undefined) {
      const host = await openBus({ config: bus.folder.path, log: testLog });
      await host.apply('tests');
      bus.#topology = host.plan.topology;
      await host.close();
    }
    bus.#router = await Called.start(['run', '--json', '--http', '0'], { cwd: bus.folder.path, env: bus.environment });
    await bus.#router.says('"started"');
    for (const service of SERVICES)
      await bus.service(service, service === 'finance' ? { WAYBILL_TRACES: 'linked' } : {});
    return bus;
  }

  get environment(): Readonly<Record<string, string>> {
    return this.collector.environment;
  }

  /** The one of a service that was started. */
  process(name: string): TracedProcess {
    const process = this.#processes.get(name);
    if (process === undefined) throw new Error(`${name} was not started`);
    return process;
  }

  /** What the router serves. */
  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const [, port = ''] = /"event":"http".*"port":(\d+)/.exec(this.#router?.stdout ?? '') ?? [];
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  }

  async service(name: string, env: Readonly<Record<string, string>> = {}): Promise<TracedProcess> {
    const process = await TracedProcess.start(name, this.folder.path, { ...this.environment, ...env });
    this.#processes.set(name, process);
    return process;
  }

  async waybill(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await waybill({ cwd: this.folder.path, env: this.environment }, ...args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of [...this.#processes.values()].reverse()) await process[Symbol.asyncDispose]();
    await this.#router?.stop('SIGTERM');
    if (this.url !== undefined && this.#topology !== undefined) await removeBus(this.url, this.#topology);
    await this.folder[Symbol.asyncDispose]();
    await this.collector[Symbol.asyncDispose]();
  }
}
