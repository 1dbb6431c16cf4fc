import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantile } from './statistics.ts';

/** Figures that say what the others are worth on another machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** Median time of appending 4 KiB to a file and fsyncing it, where the store will be. @unit milliseconds */
  readonly fsyncMs: number;
  readonly fsyncP99Ms: number;
}

const SAMPLES = 200;

export function machine(): Machine {
  const [cpu] = cpus();
  const times = fsyncTimes();
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    node: process.version,
    fsyncMs: quantile(times, 0.5),
    fsyncP99Ms: quantile(times, 0.99),
  };
}

/** A fresh folder where the bench keeps its stores: `WAYBILL_BENCH_FOLDER`, or the system's temporary folder. */
export function scratch(): string {
  return mkdtempSync(join(process.env['WAYBILL_BENCH_FOLDER'] ?? tmpdir(), 'waybill-bench-'));
}

function fsyncTimes(): number[] {
  const folder = scratch();
  const block = Buffer.alloc(4_096, 'x');
  const file = openSync(join(folder, 'fsync'), 'a');
  try {
    return Array.from({ length: SAMPLES }, () => {
      const began = performance.now();
      writeSync(file, block);
      fsyncSync(file);
      return performance.now() - began;
    });
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Memory that is the process's own, without mapped files: LMDB's map would count else. Undefined where the system does not say. @unit MiB */
export function anonymousMemory(): number | undefined {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'utf8');
  } catch {
    return undefined;
  }
  const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1_024;
}
