import { statfs } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';

const SHARED_MEMORY = '/dev/shm';
/** What a broker may need at most, and as much again for others. @unit bytes */
const PLENTY = 4 * 1024 ** 3;

/**
 * Where files may stand that need not outlive the machine: in memory where there is plenty, else among all temporary ones. A
 * process that is killed loses nothing there either, and need not wait for a disk.
 */
export async function memoryFolder(): Promise<string> {
  const room = await statfs(SHARED_MEMORY).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return Math.min(room, freemem()) > PLENTY ? SHARED_MEMORY : tmpdir();
}
