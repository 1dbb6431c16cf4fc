import { toError, WaybillError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type {
  Cause,
  CommitAnswer,
  Loaded,
  RecordToken,
  StateEntry,
  StateRef,
  StateUnit,
  Store,
} from '../../ports/store.ts';
import { folderFault, isErrno } from './faults.ts';
import { type Store as Folder, type OwnerRecord, openStore } from './folder.ts';
import { Journal } from './journal.ts';
import { claim, currentOwner, release } from './ownership.ts';
import { connect, type Listener, listen, removeSocket } from './socket.ts';
import { Handled, Units } from './units.ts';

export interface EmbeddedStoreOptions {
  /** Made when it does not exist, for this user alone. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Opens a folder as the store of a bus whose messages are elsewhere. One process has it.
 * @throws WB_STORE_OWNED (retryable) when another process does; WB_STORE_BUS when a bus keeps its messages there;
 *   WB_STORE_FOLDER, WB_STORE_CORRUPT, WB_STORE_FOREIGN, WB_STORE_NEWER, WB_STORE_FULL
 */
export async function openEmbeddedStore({
  folder,
  clock,
  log,
}: EmbeddedStoreOptions): Promise<Store & AsyncDisposable> {
  const opened = openStore(folder, undefined, 'store');
  try {
    const owned = await own(opened);
    log.info({ folder, epoch: owned.epoch }, 'owns the store');
    return new EmbeddedStore(opened, owned, clock, log);
  } catch (error) {
    await opened.root.close();
    throw error;
  }
}

interface Owned {
  readonly listener: Listener;
  readonly epoch: number;
}

/** Takes the folder when nobody has it, or when who had it is dead: nobody listens at its socket any more. */
async function own(folder: Folder): Promise<Owned> {
  let proven: string | undefined;
  for (;;) {
    const owner = currentOwner(folder);
    if (owner !== undefined && owner.nonce !== proven) {
      if (await isAlive(folder.folder, owner)) throw owned(folder.folder, owner);
      proven = owner.nonce;
    }
    const listener = await listen(folder.folder);
    let won = false;
    try {
      // Whoever tries to open the store only has to see that somebody is there.
      listener.accept((socket) => socket.destroy());
      const candidate = { nonce: listener.nonce, pid: process.pid, socket: listener.name, released: false };
      const result = claim(folder, candidate, proven);
      if (!result.won) continue;
      won = true;
      if (owner !== undefined) await removeSocket(folder.folder, owner.socket);
      return { listener, epoch: result.epoch };
    } finally {
      if (!won) await listener.close();
    }
  }
}

async function isAlive(folder: string, owner: OwnerRecord): Promise<boolean> {
  try {
    (await connect(folder, owner.socket)).destroy();
    return true;
  } catch (thrown) {
    if (isErrno(thrown, 'ECONNREFUSED') || isErrno(thrown, 'ENOENT')) return false;
    throw folderFault(folder, thrown);
  }
}

function owned(folder: string, { pid }: OwnerRecord): WaybillError {
  return new WaybillError(
    'WB_STORE_OWNED',
    `the process ${String(pid)} has the store in ${folder}, which only one may`,
    {
      retryable: true,
      fix: 'Run one router only, and give each service that has an inbox a store of its own; or use PostgreSQL as the store.',
    },
  );
}

class EmbeddedStore implements Store, AsyncDisposable {
  readonly kind = 'embedded';
  readonly #folder: Folder;
  readonly #owned: Owned;
  readonly #journal: Journal;
  #units: Units;
  #closed: Promise<void> | undefined;

  constructor(folder: Folder, owned: Owned, clock: Clock, log: Log) {
    this.#folder = folder;
    this.#owned = owned;
    this.#journal = new Journal(folder, owned.epoch, clock, {
      onFailure: (error) => {
        log.error({ err: error }, `a commit to the store in ${folder.folder} failed: ${error.message}`);
        this.#units.close();
        this.#units = new Units(folder, this.#journal, clock);
      },
      onLoss: () => {
        log.error({ folder: folder.folder }, 'another process has taken the store');
      },
    });
    this.#units = new Units(folder, this.#journal, clock);
    this.#units.adopt();
  }

  load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded> {
    return this.#do(() => Promise.resolve(this.#units.load(cause, refs)));
  }

  commit(unit: StateUnit): Promise<CommitAnswer> {
    return this.#do(async () => {
      const units = this.#units;
      const { recorded, token } = units.load(unit.cause, []);
      if (recorded !== undefined && token !== undefined) {
        // It may stand in a commit that is under way.
        await this.#journal.settled();
        if (this.#units !== units) throw new Error('what was recorded before could not be written');
        return { outcome: 'repeated', effects: recorded, token };
      }
      if (units.moved(unit)) return { outcome: 'moved' };
      units.change(unit);
      const made = units.record(unit, false);
      await this.#journal.durable;
      return { outcome: 'done', token: made };
    });
  }

  settled(token: RecordToken): void {
    if (token instanceof Handled && this.#closed === undefined) this.#units.settled(token);
  }

  list(
    scope: string,
    { after, limit = 100 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<readonly StateEntry[]> {
    return this.#do(async () => {
      await this.#journal.settled();
      return this.#units.list(scope, Number(after ?? 0), limit);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { listener } = this.#owned;
    try {
      await this.#journal.drained();
      this.#units.close();
      this.#journal.end(closed());
      release(this.#folder, listener.nonce);
    } finally {
      await listener.close();
      await this.#folder.root.close();
    }
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw closed();
    try {
      if (this.#journal.ended !== undefined) throw this.#journal.ended;
      return await work();
    } catch (thrown) {
      const cause = toError(thrown);
      throw new WaybillError('WB_STORE_UNAVAILABLE', `the store in ${this.#folder.folder} failed: ${cause.message}`, {
        retryable: true,
        cause,
      });
    }
  }
}

function closed(): WaybillError {
  return new WaybillError('WB_CLOSED', 'the store is closed');
}
