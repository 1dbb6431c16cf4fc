import { isUtf8 } from 'node:buffer';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Fault } from '../errors.ts';

/** Larger files are surely not configuration. @unit bytes */
const LARGEST = 4 * 1024 * 1024;

/** A text, or the fault that says why there is none. `file` is how it is shown. */
export async function readText(absolute: string, file: string): Promise<{ text: string } | { fault: Fault }> {
  const refuse = (message: string, fix: string, line?: number): { fault: Fault } => ({
    fault: { code: 'WB_CONFIG_FILE', message, fix, at: { file, line: line ?? 1, column: 1 } },
  });
  let bytes: Buffer;
  try {
    const { size } = await stat(absolute);
    if (size > LARGEST) return refuse('the file is larger than 4 MiB', 'Split it.');
    bytes = await readFile(absolute);
  } catch (cause) {
    switch (errorCode(cause)) {
      case 'EISDIR':
        return refuse('this is a folder, expected a file', 'Rename the folder, or put a file in its place.');
      case 'ENOENT':
        return refuse('the file is not there', 'Create it, or mend the link that leads to it.');
      case 'EACCES':
      case 'EPERM':
        return refuse('the file may not be read', 'Give the user that runs the bus leave to read it.');
      default:
        return refuse(`the file cannot be read: ${errorCode(cause)}`, 'See that it is an ordinary file.');
    }
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return refuse('the file begins with a byte order mark', 'Save it as UTF-8 without BOM.');
  }
  if (!isUtf8(bytes)) return refuse('the file is not valid UTF-8', 'Save it as UTF-8.', badLine(bytes));
  return { text: bytes.toString('utf8') };
}

/** All files below `folder`, sorted, relative to it with forward slashes. Hidden ones are left out; links are followed. */
export async function listFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  await walk(folder, '', new Set(), found);
  return found.sort();
}

async function walk(folder: string, prefix: string, seen: Set<string>, found: string[]): Promise<void> {
  // A link that leads back up would go round for ever.
  const real = await realpath(folder);
  if (seen.has(real)) return;
  seen.add(real);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    const absolute = path.join(folder, entry.name);
    const name = `${prefix}${entry.name}`;
    const folderLike = entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(absolute)));
    if (folderLike) await walk(absolute, `${name}/`, seen, found);
    else found.push(name);
  }
}

/** Whether there is a folder; false when there is nothing or something else. */
export async function isFolder(absolute: string): Promise<boolean> {
  return (await kindOf(absolute)) === 'folder';
}

export async function kindOf(absolute: string): Promise<'file' | 'folder' | 'nothing'> {
  try {
    return (await stat(absolute)).isDirectory() ? 'folder' : 'file';
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(cause))) return 'nothing';
    throw cause;
  }
}

export function errorCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}

/** The line of the first byte that is not UTF-8. */
function badLine(bytes: Buffer): number {
  let line = 1;
  let from = 0;
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, from)) {
    if (!isUtf8(bytes.subarray(from, end))) return line;
    line++;
    from = end + 1;
  }
  return line;
}
