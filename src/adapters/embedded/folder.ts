import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { WaybillError } from '../../errors.ts';
import { checkDataFile } from './data-file.ts';
import { folderFault, isErrno } from './faults.ts';

/** Who owns the folder. Its LMDB version is the epoch: every commit of an owner is made on condition of it. */
export interface OwnerRecord {
  readonly nonce: string;
  readonly pid: number;
  /** Name of the socket in the folder, or of the named pipe. */
  readonly socket: string;
  /** The owner ended in order; there is none now. */
  readonly released: boolean;
}

/** The LMDB environment of a folder. Only the owner writes to it, but for the record of ownership itself. */
export interface Store {
  readonly folder: string;
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly owner: Database<OwnerRecord, string>;
  /** Format, endpoints, counters, manifest: JSON. */
  readonly meta: Database<unknown, string>;
  /** Records of waiting messages by endpoint, partition and number. */
  readonly log: Database<Buffer, Buffer>;
  /** Which messages of a record are settled, one byte each, at the record's key. */
  readonly progress: Database<Buffer, Buffer>;
  /** How often a suspect delivery was begun, at the key of its number. */
  readonly begun: Database<number, Buffer>;
  /** Messages that wait for a delayed attempt, by due time. */
  readonly delayed: Database<Buffer, Buffer>;
  readonly dead: Database<Buffer, string>;
  readonly parked: Database<Buffer, string>;
  readonly audit: Database<unknown, string>;
  /** See `history-log.ts`. */
  readonly history: Database<string, number>;
  /** What steps remember, and what was handled: see `units.ts`. */
  readonly states: Database<Buffer, Buffer>;
  readonly handled: Database<Buffer, Buffer>;
  /** Lists of handled messages that nobody settled yet, and of those that may go, by the time from which they may. */
  readonly unsettled: Database<Buffer, Buffer>;
  readonly ends: Database<Buffer, Buffer>;
}

/** What a folder is for: the messages of a bus with their state, or the store of a bus whose messages are elsewhere. */
export type Use = 'bus' | 'store';

/** Raised when what the folder holds can no longer be read by older versions. */
const FORMAT = 1;

const META = 'waybill';

/** Of LMDB. */
const DATA_FILE = 'data.mdb';

/**
 * Opens or makes the store of a folder. Never writes to one that is damaged, foreign or newer.
 * @throws WB_STORE_FOLDER, WB_STORE_CORRUPT, WB_STORE_FOREIGN, WB_STORE_NEWER, WB_STORE_BUS, WB_STORE_FULL
 */
export function openStore(folder: string, bus: string | undefined, use: Use = 'bus'): Store {
  prepareFolder(folder);
  checkDataFile(join(folder, DATA_FILE));
  let root: RootDatabase<Buffer, Buffer> | undefined;
  try {
    root = openRoot(folder);
    return openDatabases(folder, root, bus, use);
  } catch (thrown) {
    void root?.close();
    throw folderFault(folder, thrown);
  }
}

/** Whether there may be a store; what it holds, and whether it can be opened, only opening tells. Makes nothing. */
export function holdsStore(folder: string): boolean {
  try {
    return statSync(join(folder, DATA_FILE)).isFile();
  } catch (thrown) {
    return !isErrno(thrown, 'ENOENT');
  }
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!statSync(folder).isDirectory()) throw notAFolder(folder);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    if (isErrno(thrown, 'EEXIST') || isErrno(thrown, 'ENOTDIR')) throw notAFolder(folder);
    throw folderFault(folder, thrown);
  }
}

function notAFolder(folder: string): WaybillError {
  return new WaybillError('WB_STORE_FOLDER', `${folder} is a file, not a folder`, {
    fix: 'Name a folder for the embedded store.',
  });
}

function openRoot(folder: string): RootDatabase<Buffer, Buffer> {
  const options = {
    path: folder,
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    maxDbs: 32,
    // Promises of writes resolve after the commit was fsynced: with overlapping they would not.
    overlappingSync: false,
    // One commit is one conditional batch, which begins at once.
    eventTurnBatching: false,
    txnStartThreshold: 1,
    permissionsMode: 0o600,
    noSubdir: false,
  };
  return open<Buffer, Buffer>(options);
}

function openDatabases(folder: string, root: RootDatabase<Buffer, Buffer>, bus: string | undefined, use: Use): Store {
  const names = [...root.getKeys()].map((key) => key.toString('utf8').replaceAll('\0', ''));
  if (names.length > 0 && !names.includes(META)) {
    throw new WaybillError('WB_STORE_FOREIGN', `${folder} holds an LMDB database that Waybill did not make`, {
      fix: 'Name another folder; this one was not changed.',
    });
  }
  const meta = root.openDB<unknown, string>({ name: META, encoding: 'json', keyEncoding: 'ordered-binary' });
  checkFormat(folder, root, meta, use, bus);
  const records = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const letters = { encoding: 'binary', keyEncoding: 'ordered-binary' } as const;
  const json = { encoding: 'json', keyEncoding: 'ordered-binary' } as const;
  return {
    folder,
    root,
    meta,
    owner: root.openDB({ name: 'owner', ...json, useVersions: true }),
    log: root.openDB({ name: 'log', ...records }),
    progress: root.openDB({ name: 'progress', ...records }),
    begun: root.openDB({ name: 'begun', encoding: 'json', keyEncoding: 'binary' }),
    delayed: root.openDB({ name: 'delayed', ...records }),
    dead: root.openDB({ name: 'dead', ...letters }),
    parked: root.openDB({ name: 'parked', ...letters }),
    audit: root.openDB({ name: 'audit', ...json }),
    history: root.openDB({ name: 'history', encoding: 'string', keyEncoding: 'ordered-binary' }),
    states: root.openDB({ name: 'states', ...records }),
    handled: root.openDB({ name: 'handled', ...records }),
    unsettled: root.openDB({ name: 'unsettled', ...records }),
    ends: root.openDB({ name: 'ends', ...records }),
  };
}

function checkFormat(
  folder: string,
  root: RootDatabase<Buffer, Buffer>,
  meta: Store['meta'],
  use: Use,
  bus?: string,
): void {
  root.transactionSync(() => {
    const found = readFormat(meta);
    if (found !== undefined && found.format > FORMAT) {
      throw new WaybillError(
        'WB_STORE_NEWER',
        `${folder} has format ${String(found.format)}; this version of Waybill knows formats up to ${String(FORMAT)}`,
        { fix: 'Update Waybill; the folder was not changed.' },
      );
    }
    if (found !== undefined && found.use !== use) throw otherUse(folder, use);
    if (found?.bus !== undefined && bus !== undefined && found.bus !== bus) throw otherBus(folder, found.bus, bus);
    if (found === undefined || (found.bus === undefined && bus !== undefined)) {
      meta.putSync('format', { product: 'waybill', format: FORMAT, bus, ...(use === 'store' && { use }) });
    }
  });
}

function readFormat(meta: Store['meta']): { format: number; bus: string | undefined; use: Use } | undefined {
  const found = meta.get('format');
  if (typeof found !== 'object' || found === null || !('format' in found)) return undefined;
  return {
    format: Number(found.format),
    bus: 'bus' in found && typeof found.bus === 'string' ? found.bus : undefined,
    use: 'use' in found && found.use === 'store' ? 'store' : 'bus',
  };
}

export function otherBus(folder: string, held: string, wanted: string): WaybillError {
  return new WaybillError('WB_STORE_BUS', `${folder} holds the bus "${held}", not "${wanted}"`, {
    fix: 'Give each bus a folder of its own.',
  });
}

function otherUse(folder: string, wanted: Use): WaybillError {
  const [held, other] =
    wanted === 'store'
      ? ['the messages of a bus, which have a store of their own', 'store']
      : ['the store of a bus whose messages are elsewhere', 'transport'];
  return new WaybillError('WB_STORE_BUS', `${folder} holds ${held}`, { fix: `Name another folder as the ${other}.` });
}

/** Gives the folder to `bus`, within a transaction. @throws WB_STORE_BUS */
export function claimForBus(store: Store, bus: string): void {
  const found = readFormat(store.meta);
  if (found?.bus === bus) return;
  if (found?.bus !== undefined) throw otherBus(store.folder, found.bus, bus);
  store.meta.putSync('format', { product: 'waybill', format: FORMAT, bus });
}
