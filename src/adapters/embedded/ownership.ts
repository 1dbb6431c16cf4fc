import { folderFault } from './faults.ts';
import type { OwnerRecord, Store } from './folder.ts';

/** What a candidate for ownership was told. */
export type Claim =
  | {
      readonly won: true;
      readonly epoch: number /** The owner before ended without saying so. */;
      readonly unclean: boolean;
    }
  | { readonly won: false; readonly owner: OwnerRecord };

/** Who owns the folder now; undefined when nobody does. */
export function currentOwner(store: Store): OwnerRecord | undefined {
  store.owner.resetReadTxn();
  const record = store.owner.get('owner');
  return record === undefined || record.released ? undefined : record;
}

/**
 * Takes the folder, when nobody owns it or its owner is the one that was `proven` dead: its socket refuses connections,
 * which a process that lives, even a stopped one, does not. LMDB's lock of writers serialises the processes that try.
 *
 * The candidate listens already, so nobody who reads its record can find its socket closed while it lives.
 */
export function claim(store: Store, candidate: OwnerRecord, proven: string | undefined): Claim {
  try {
    return store.root.transactionSync((): Claim => {
      const entry = store.owner.getEntry('owner');
      const record = entry?.value;
      if (record !== undefined && !record.released && record.nonce !== proven) return { won: false, owner: record };
      const epoch = (entry?.version ?? 0) + 1;
      store.owner.putSync('owner', candidate, epoch);
      return { won: true, epoch, unclean: record !== undefined && !record.released };
    });
  } catch (thrown) {
    throw folderFault(store.folder, thrown);
  }
}

/** Gives the folder up in order. */
export function release(store: Store, nonce: string): void {
  store.root.transactionSync(() => {
    const entry = store.owner.getEntry('owner');
    if (entry?.value.nonce !== nonce) return;
    store.owner.putSync('owner', { ...entry.value, released: true }, entry.version ?? 0);
  });
}
