import { statfsSync } from 'node:fs';
import { toError, WaybillError } from '../../errors.ts';

export function isErrno(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

/** LMDB's own numbers. */
const CORRUPT = new Set([-30797, -30796, -30793, -30788]);
const VERSION_MISMATCH = -30794;
const MAP_FULL = -30792;
const EIO = 5;
const EACCES = 13;
const EPERM = 1;
const ENOSPC = 28;
const EROFS = 30;
const EDQUOT = 122;
const EFBIG = 27;

/** Below this much free space a failed write is taken for a full disk: LMDB reports a short write as an I/O error. */
const LITTLE_SPACE = 16 * 1024 * 1024;

/** What the file system or LMDB said about a folder, by name. */
export function folderFault(folder: string, thrown: unknown): WaybillError {
  if (thrown instanceof WaybillError) return thrown;
  const cause = toError(thrown);
  const code = 'code' in cause ? cause.code : undefined;
  if (code === EACCES || code === EPERM || code === 'EACCES' || code === 'EPERM') {
    return folderError(`this user may not write to ${folder}`, 'Give the user the folder, or name another.', cause);
  }
  if (code === EROFS || code === 'EROFS') {
    return folderError(`${folder} is on a read-only file system`, 'Name a folder that can be written to.', cause);
  }
  // What was written as JSON is read as JSON.
  if ((typeof code === 'number' && CORRUPT.has(code)) || cause instanceof SyntaxError) {
    return new WaybillError('WB_STORE_CORRUPT', `the database in ${folder} is damaged: ${cause.message}`, {
      fix: 'Restore the folder from a backup, or keep it aside and start with a new one.',
      cause,
    });
  }
  if (code === VERSION_MISMATCH) {
    return new WaybillError('WB_STORE_FOREIGN', `the database in ${folder} has another version of LMDB`, { cause });
  }
  if (isFull(folder, code)) {
    return new WaybillError('WB_STORE_FULL', `the disk that holds ${folder} is full`, {
      retryable: true,
      fix: 'Make space on the disk; the bus goes on by itself.',
      cause,
    });
  }
  if (typeof code === 'string') return folderError(`${folder} cannot be used: ${cause.message}`, undefined, cause);
  return new WaybillError('WB_TRANSPORT_UNAVAILABLE', `writing to ${folder} failed: ${cause.message}`, {
    retryable: true,
    cause,
  });
}

function folderError(message: string, fix: string | undefined, cause: Error): WaybillError {
  return new WaybillError('WB_STORE_FOLDER', message, fix === undefined ? { cause } : { fix, cause });
}

function isFull(folder: string, code: unknown): boolean {
  if (code === ENOSPC || code === EDQUOT || code === MAP_FULL || code === EFBIG || code === 'ENOSPC') return true;
  return code === EIO && hasLittleSpace(folder);
}

function hasLittleSpace(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < LITTLE_SPACE;
  } catch {
    return false;
  }
}
