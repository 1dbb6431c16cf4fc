import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Manifest } from '../../src/ports/topology.ts';
import type { OfficeAction, OfficeFilter, Outgoing } from '../../src/ports/transport.ts';
import type { PeerCommand, PeerDelivery, PeerEvent, PeerSettlement, Target } from './peer-protocol.ts';
import { program } from './program.ts';
import { until } from './until.ts';

interface Waiting {
  readonly resolve: (result: number | boolean | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** What another process answered with an error. */
class PeerError extends Error {
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** Another process, that can open connections to buses, and be killed. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #peers = new Map<number, Peer>();
  #requests = 0;
  #connections = 0;

  static async start(): Promise<PeerProcess> {
    const { file, execArgv } = await program('test/support/peer-process.ts');
    return new PeerProcess(fork(file, { execArgv: [...execArgv], serialization: 'advanced' }));
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#child.on('message', (event: PeerEvent) => {
      this.#hear(event);
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new PeerError('the process ended', undefined));
      this.#waiting.clear();
    });
  }

  async open(target: Target): Promise<Peer> {
    const on = this.#connections++;
    const peer = new Peer(this, on);
    this.#peers.set(on, peer);
    await this.ask({ do: 'open', on, target });
    return peer;
  }

  ask(command: PeerCommand): Promise<number | boolean | undefined> {
    const id = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, command });
    });
  }

  /** Ends it without any chance to tidy up. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it from running, as a machine that hangs does, until `thaw`. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
  }

  #hear(event: PeerEvent): void {
    if ('delivery' in event) {
      const peer = this.#peers.get(event.delivery.on);
      peer?.deliveries.push(event.delivery);
      peer?.onDelivery?.();
      return;
    }
    const waiting = this.#waiting.get(event.id);
    this.#waiting.delete(event.id);
    if ('error' in event) waiting?.reject(new PeerError(event.error, event.code));
    else waiting?.resolve(event.result);
  }
}

/** A connection to a bus that another process holds. */
export class Peer {
  readonly process: PeerProcess;
  readonly deliveries: PeerDelivery[] = [];
  /** Called after each delivery that comes. */
  onDelivery?: () => void;
  readonly #on: number;

  constructor(process: PeerProcess, on: number) {
    this.process = process;
    this.#on = on;
  }

  async apply(manifest: Manifest): Promise<void> {
    await this.process.ask({ do: 'apply', on: this.#on, manifest });
  }

  async send(outgoing: readonly Outgoing[]): Promise<void> {
    await this.process.ask({ do: 'send', on: this.#on, outgoing });
  }

  async consume(endpoint: string, window = 100): Promise<void> {
    await this.process.ask({ do: 'consume', on: this.#on, endpoint, window });
  }

  async begin(delivery: PeerDelivery): Promise<number> {
    return Number(await this.process.ask({ do: 'begin', on: this.#on, delivery: delivery.index }));
  }

  async settle(settlements: readonly PeerSettlement[]): Promise<void> {
    await this.process.ask({ do: 'settle', on: this.#on, settlements });
  }

  async redrive(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    return Number(await this.process.ask({ do: 'redrive', on: this.#on, filter, action }));
  }

  async owner(): Promise<boolean> {
    return (await this.process.ask({ do: 'owner', on: this.#on })) === true;
  }

  async close(): Promise<void> {
    await this.process.ask({ do: 'close', on: this.#on });
  }

  async atLeast(count: number): Promise<readonly PeerDelivery[]> {
    await until(`${String(count)} deliveries in another process`, () => this.deliveries.length >= count, {
      describe: () => String(this.deliveries.length),
    });
    return this.deliveries.slice(0, count);
  }

  /** Ends its process without any chance to tidy up. */
  kill(): Promise<void> {
    return this.process.kill();
  }
}
