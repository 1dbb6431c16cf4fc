import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const pathOf = (folder: string, name: string): string => join(folder, `${name}.log`);

/**
 * A file of lines that processes append to. A line that was written survives the death of its process, and lines of
 * several processes stand in the order in which they were written.
 */
export class Journal {
  readonly #file: number;

  constructor(folder: string, name: string) {
    this.#file = openSync(pathOf(folder, name), 'a');
  }

  /** Each line by its fields; all of them at once. */
  write(...lines: readonly (readonly (string | number)[])[]): void {
    writeSync(this.#file, lines.map((fields) => `${fields.join(' ')}\n`).join(''));
  }

  close(): void {
    closeSync(this.#file);
  }
}

const CHUNK = 1 << 20;

/** Reads a journal piece by piece, so that millions of lines are never in memory together. */
export class JournalReader {
  readonly #file: number;
  readonly #chunk = Buffer.allocUnsafe(CHUNK);
  #offset = 0;

  constructor(folder: string, name: string) {
    // Made when it is not there yet.
    this.#file = openSync(pathOf(folder, name), 'a+');
  }

  /** The fields of each line that was written since the last call. */
  *read(): Generator<readonly string[]> {
    for (;;) {
      const length = readSync(this.#file, this.#chunk, 0, CHUNK, this.#offset);
      // What follows the last line end is not written to its end yet.
      const end = this.#chunk.subarray(0, length).lastIndexOf(0x0a) + 1;
      if (end === 0) return;
      this.#offset += end;
      for (const line of this.#chunk.toString('utf8', 0, end - 1).split('\n')) yield line.split(' ');
    }
  }

  /** @unit bytes */
  get size(): number {
    return fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }
}
