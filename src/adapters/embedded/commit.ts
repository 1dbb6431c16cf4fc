import { asBinary, type Database } from 'lmdb';
import { toError } from '../../errors.ts';
import { folderFault } from './faults.ts';
import type { Store } from './folder.ts';

/** A database of the store, as a commit writes to it. */
export interface Table<Value, Key> {
  put(key: Key, value: Value): void;
  remove(key: Key): void;
}

/** Where a commit writes to. Within a transaction it may be the store itself. */
export type Writes = {
  readonly [Name in Exclude<keyof Store, 'folder' | 'root' | 'owner'>]: Store[Name] extends Database<
    infer Value,
    infer Key
  >
    ? Table<Value, Key>
    : never;
};

/**
 * Makes `write` one durable transaction while the owner's epoch is still `epoch`; resolves to whether it is, after fsync. Nothing of it
 * is durable when it throws. Keys are bounded by who makes them: one that LMDB refuses is found out too late for that.
 */
export async function commit(store: Store, epoch: number, write: (to: Writes) => void): Promise<boolean> {
  const writes = gather(store, write);
  try {
    return await store.owner.ifVersion('owner', epoch, () => {
      for (const each of writes) each();
    });
  } catch (thrown) {
    throw folderFault(store.folder, await causeOf(thrown));
  }
}

/**
 * All that is to be written, encoded. LMDB's adapter hands each write on at once, and cannot take it back when a later one throws: so the
 * first is handed on when the last is known.
 */
function gather(store: Store, write: (to: Writes) => void): readonly (() => unknown)[] {
  const writes: (() => unknown)[] = [];
  const table = <Value, Key extends string | number | Buffer>(
    database: Database<Value, Key>,
    encoded = (value: Value): Value => value,
  ): Table<Value, Key> => ({
    put: (key, value) => {
      const bytes = encoded(value);
      writes.push(() => database.put(key, bytes));
    },
    remove: (key) => {
      writes.push(() => database.remove(key));
    },
  });
  const json = (value: unknown): unknown => asBinary(Buffer.from(JSON.stringify(value), 'utf8'));
  write({
    meta: table(store.meta, json),
    audit: table(store.audit, json),
    begun: table(store.begun),
    log: table(store.log),
    progress: table(store.progress),
    delayed: table(store.delayed),
    dead: table(store.dead),
    parked: table(store.parked),
    history: table(store.history),
    states: table(store.states),
    handled: table(store.handled),
    unsettled: table(store.unsettled),
    ends: table(store.ends),
  });
  return writes;
}

/** LMDB's adapter rejects with a general error whose cause is another promise, which would else be unhandled. */
async function causeOf(thrown: unknown): Promise<unknown> {
  if (typeof thrown !== 'object' || thrown === null || !('commitError' in thrown)) return thrown;
  try {
    await thrown.commitError;
  } catch (cause) {
    return cause;
  }
  return toError(thrown);
}

/** As `commit`, before it returns. Blocks the process meanwhile: for rare changes that nothing may come between. */
export function commitNow(store: Store, epoch: number, write: () => void): boolean {
  try {
    return store.root.transactionSync(() => {
      if (store.owner.getEntry('owner')?.version !== epoch) return false;
      write();
      return true;
    });
  } catch (thrown) {
    throw folderFault(store.folder, thrown);
  }
}
