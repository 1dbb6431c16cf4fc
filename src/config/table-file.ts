import { isUtf8 } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { WaybillError } from '../errors.ts';
import type { TableReader, TableReading } from '../ports/lookup.ts';
import { errorCode } from './files.ts';
import { formatQuantity } from './units.ts';

export interface FileTableOptions {
  /** As it is shown. */
  readonly file: string;
  readonly absolute: string;
  /** Largest file. @unit bytes */
  readonly size: number;
}

/** How often a file may change while it is read. */
const MOST_READINGS = 5;

/** A table in a CSV or JSON file. A file that is replaced as a whole is never seen half. */
export class FileTable implements TableReader {
  readonly #options: FileTableOptions;

  constructor(options: FileTableOptions) {
    this.#options = options;
  }

  /** @throws WB_TABLE_INVALID when it is not there, too large or no text; retryable when it is being written */
  async read(since?: string): Promise<TableReading | undefined> {
    const { file, absolute } = this.#options;
    try {
      let stamp = await this.#stamp();
      if (stamp === since) return undefined;
      for (let readings = 0; readings < MOST_READINGS; readings++) {
        const bytes = await readFile(absolute);
        const after = await this.#stamp();
        if (after === stamp) return { stamp, content: { format: formatOf(file), text: textOf(file, bytes) } };
        stamp = after;
      }
    } catch (thrown) {
      if (thrown instanceof WaybillError) throw thrown;
      throw unreadable(file, errorCode(thrown));
    }
    throw new WaybillError('WB_TABLE_INVALID', `${file} changes while it is read`, { retryable: true });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #stamp(): Promise<string> {
    const { file, absolute, size: most } = this.#options;
    const { ino, size, mtimeMs } = await stat(absolute);
    if (size <= most) return [ino, size, mtimeMs].join(' ');
    throw new WaybillError(
      'WB_TABLE_INVALID',
      `${file} has ${String(size)} bytes, more than ${formatQuantity('size', most)}`,
      {
        fix: 'Raise `size` of the table, or ask a source for what is needed.',
      },
    );
  }
}

function formatOf(file: string): 'csv' | 'json' {
  return file.endsWith('.json') ? 'json' : 'csv';
}

function textOf(file: string, bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8').replace(/^\uFEFF/, '');
  throw new WaybillError('WB_TABLE_INVALID', `${file} is not valid UTF-8`, { fix: 'Save it as UTF-8.' });
}

function unreadable(file: string, code: string): WaybillError {
  if (code === 'ENOENT')
    return new WaybillError('WB_TABLE_INVALID', `there is no file ${file}`, { fix: 'Create it, or mend the path.' });
  return new WaybillError('WB_TABLE_INVALID', `${file} cannot be read: ${code}`, {
    fix: 'See that it is an ordinary file that the user who runs the bus may read.',
  });
}
