import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The place of "flush requests completed" in /sys/block/<device>/stat (Linux 5.5 and later). */
const FLUSHES = 15;

/**
 * Counts how often the device of a folder was told to make what it holds durable: what a sync comes to in the end.
 * Undefined where the system does not count it (not Linux, no device of its own, a device without a cache).
 */
export function flushCounter(folder: string): (() => number) | undefined {
  const { dev } = statSync(folder);
  const path = `/sys/dev/block/${String(major(dev))}:${String(minor(dev))}/stat`;
  const count = (): number => Number(readFileSync(path, 'utf8').trim().split(/\s+/)[FLUSHES]);
  try {
    const before = count();
    syncTimes(folder, 10);
    return count() - before >= 10 ? count : undefined;
  } catch {
    return undefined;
  }
}

function syncTimes(folder: string, times: number): void {
  const path = join(folder, 'sync-probe');
  const file = openSync(path, 'w');
  try {
    for (let n = 0; n < times; n++) {
      writeSync(file, Buffer.alloc(4_096, n));
      fsyncSync(file);
    }
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

function major(device: number): number {
  return Math.floor(device / 256) % 4_096;
}

function minor(device: number): number {
  return (device % 256) + Math.floor(device / 1_048_576) * 256;
}
