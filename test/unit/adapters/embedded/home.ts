import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedTransport, openEmbedded } from '../../../../src/adapters/embedded/transport.ts';
import { type Clock, systemClock } from '../../../../src/ports/clock.ts';
import type { Log } from '../../../../src/ports/log.ts';
import type { EndpointSpec, Manifest } from '../../../../src/ports/topology.ts';
import { type Peer, PeerProcess } from '../../../support/peer.ts';
import { testLog } from '../../../support/targets.ts';

const TYPE = 'shop.order.placed@1';

export interface PlanSketch {
  readonly bus?: string;
  readonly slots?: number;
  readonly endpoints?: Readonly<Record<string, Partial<EndpointSpec>>>;
  /** Endpoints bound to `TYPE`. @default all */
  readonly bound?: readonly string[];
  readonly edition: string;
}

export function plan({ bus = 'retail', slots = 16, endpoints = { oms: {} }, bound, edition }: PlanSketch): Manifest {
  const specs = Object.entries(endpoints).map(([name, spec]) => ({
    name,
    kind: 'service' as const,
    ordering: 'key' as const,
    partitions: 1,
    plain: false,
    ...spec,
  }));
  const bindings = (bound ?? Object.keys(endpoints)).map((endpoint) => ({ type: TYPE, endpoint }));
  return {
    format: 1,
    bus,
    edition,
    appliedAt: '2026-01-01T00:00:00.000Z',
    appliedBy: 'tests',
    topology: { bus, slots, endpoints: specs, bindings },
    definition: {},
  };
}

/** A folder of one test, and all that was opened on it. */
export class Home {
  readonly folder: string;
  readonly #base: string;
  readonly #opened: EmbeddedTransport[] = [];
  readonly #processes: PeerProcess[] = [];

  private constructor(base: string, folder: string) {
    this.#base = base;
    this.folder = folder;
  }

  static async make(...names: string[]): Promise<Home> {
    const base = await mkdtemp(join(tmpdir(), 'waybill-'));
    return new Home(base, join(base, ...names));
  }

  async open(options: { bus?: string; clock?: Clock; log?: Log; folder?: string } = {}): Promise<EmbeddedTransport> {
    const transport = await openEmbedded({ folder: this.folder, clock: systemClock, log: testLog, ...options });
    this.#opened.push(transport);
    return transport;
  }

  async process(): Promise<PeerProcess> {
    const process = await PeerProcess.start();
    this.#processes.push(process);
    return process;
  }

  async peer(): Promise<Peer> {
    return (await this.process()).open({
      kind: 'embedded',
      folder: this.folder,
      bus: 'retail',
      parkingBytes: 1_000_000,
    });
  }

  /** Ends everything that was opened; the folder stays. */
  async close(): Promise<void> {
    for (const process of this.#processes.splice(0)) {
      process.thaw();
      await process.kill();
    }
    for (const transport of this.#opened.splice(0).reverse()) await transport.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.#base, { recursive: true, force: true });
  }
}
