import { WaybillError } from '../../errors.ts';
import { type Clock, pause } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Core, CoreEvents } from './core.ts';
import { Engine } from './engine.ts';
import { folderFault, isErrno } from './faults.ts';
import { type OwnerRecord, openStore, type Store } from './folder.ts';
import { Link } from './link.ts';
import { claim, currentOwner, release } from './ownership.ts';
import { Server } from './server.ts';
import { connect, type Listener, listen, removeSocket } from './socket.ts';

/** The place of a process at its folder: owner of it, or attached to the owner. */
export interface Seat {
  readonly core: Core;
  readonly owner: boolean;
  close(): Promise<void>;
}

export interface SeatOptions {
  readonly folder: string;
  readonly bus: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly parkingBytes: number | undefined;
  readonly events: CoreEvents;
  /** Aborts the search. */
  readonly signal: AbortSignal;
  /** Why there is no seat yet. */
  readonly onWait: (reason: string) => void;
}

const RETRY_MS = 100;
/** How long an owner may take to say that it is there. A stopped process is not robbed of its folder. */
const HELLO_MS = 5_000;

/**
 * Finds a seat: attaches to the owner of the folder, or becomes it when there is none, or when it is dead. Tries for as
 * long as it takes; only faults of the folder end it.
 */
export async function takeSeat(options: SeatOptions): Promise<Seat> {
  const { folder, bus, clock, signal } = options;
  const store = openStore(folder, bus);
  try {
    let proven: string | undefined;
    for (;;) {
      if (signal.aborted) throw new WaybillError('WB_CLOSED', 'the bus connection is closed');
      const owner = currentOwner(store);
      if (owner === undefined || owner.nonce === proven) {
        const seat = await own(options, store, owner);
        if (seat !== undefined) return seat;
        continue;
      }
      const found = await attach(options, owner);
      if (found === 'dead') proven = owner.nonce;
      else if (typeof found === 'object') {
        await store.root.close();
        return found;
      } else await pause(clock, RETRY_MS, signal);
    }
  } catch (thrown) {
    await store.root.close();
    throw thrown instanceof SyntaxError ? folderFault(folder, thrown) : thrown;
  }
}

/** Becomes the owner; undefined when another process was faster. */
async function own(options: SeatOptions, store: Store, dead: OwnerRecord | undefined): Promise<Seat | undefined> {
  const { folder, clock, log, events, parkingBytes } = options;
  const listener = await listen(folder);
  let won = false;
  let seated = false;
  try {
    const candidate = { nonce: listener.nonce, pid: process.pid, socket: listener.name, released: false };
    const result = claim(store, candidate, dead?.nonce);
    if (!result.won) return undefined;
    won = true;
    if (dead !== undefined) await removeSocket(folder, dead.socket);
    const { epoch, unclean } = result;
    const server = new Server(log);
    const context = { store, epoch, clock, log, events: both(events, server), parkingBytes };
    const engine = new Engine(context, unclean ? 'unclean' : 'clean');
    listener.accept((socket) => {
      server.serve(socket, engine);
    });
    log.info({ folder, epoch, unclean }, unclean ? 'took the folder over' : 'owns the folder');
    seated = true;
    return {
      core: engine,
      owner: true,
      close: () => giveUp({ store, listener, engine, server, clock }),
    };
  } catch (thrown) {
    if (won) release(store, listener.nonce);
    throw thrown;
  } finally {
    if (!seated) await listener.close();
  }
}

/** What happens in the engine is told to this process and to those attached. */
function both(events: CoreEvents, server: Server): CoreEvents {
  return {
    onManifest: (manifest) => {
      server.announce(manifest);
      events.onManifest(manifest);
    },
    onBlocked: (reason) => {
      server.blocked(reason);
      events.onBlocked(reason);
    },
    onEnd: (reason) => {
      events.onEnd(reason);
    },
  };
}

interface Owned {
  readonly store: Store;
  readonly listener: Listener;
  readonly engine: Engine;
  readonly server: Server;
  readonly clock: Clock;
}

/** In this order: what is under way is durable, the folder is free, and only then those who are attached are told. */
async function giveUp({ store, listener, engine, server, clock }: Owned): Promise<void> {
  server.quiet();
  try {
    await engine.close();
    release(store, listener.nonce);
  } finally {
    server.close(clock);
    await listener.close();
    await store.root.close();
  }
}

/** Attaches to the owner. `dead` when nobody listens any more at its socket, which only the end of its process brings about. */
async function attach(options: SeatOptions, owner: OwnerRecord): Promise<Seat | 'dead' | 'silent'> {
  const { folder, bus, clock, events, onWait, signal } = options;
  let socket: Awaited<ReturnType<typeof connect>>;
  try {
    socket = await connect(folder, owner.socket);
  } catch (thrown) {
    if (isErrno(thrown, 'ECONNREFUSED') || isErrno(thrown, 'ENOENT')) return 'dead';
    if (isErrno(thrown, 'EACCES') || isErrno(thrown, 'EPERM')) {
      throw new WaybillError('WB_STORE_FOLDER', `this user may not attach to the owner of ${folder}`, {
        cause: thrown,
      });
    }
    onWait(`the owner of ${folder} (process ${String(owner.pid)}) cannot be reached: ${String(thrown)}`);
    return 'silent';
  }
  const link = new Link(socket, clock, events);
  if (await link.greet(bus, HELLO_MS, signal)) {
    return { core: link, owner: false, close: () => link.close() };
  }
  onWait(`the owner of ${folder} (process ${String(owner.pid)}) does not answer`);
  return 'silent';
}
