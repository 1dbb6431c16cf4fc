import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fetchApplied, type PartFile, partFile, partsOf, WaybillError } from '../index.ts';
import type { ExitName } from './exit-codes.ts';
import { busOptions, type GlobalOptions, terminalLog } from './session.ts';
import { count, type Terminal } from './terminal.ts';

export interface PullOptions extends GlobalOptions {
  /** Writes nothing; fails when `parts/` is not what is applied. */
  readonly check?: boolean;
}

/** Fetches what the other parts of the bus are, so that `check`, `plan --offline` and `types` go by the whole of it. */
export async function pull(terminal: Terminal, options: PullOptions): Promise<ExitName> {
  const { manifest, root, part } = await fetchApplied({ ...busOptions(options), log: terminalLog(terminal) });
  const others = partsOf(manifest).filter(({ name }) => name !== part);
  const files = others.map((each) => partFile(each) ?? tooNew(each.name));
  const changes = await changesTo(root, files);
  if (options.check !== true) await write(root, changes);
  terminal.data({ part, parts: files.map(({ file }) => file), ...namesOf(changes) });
  for (const { file, definition } of changes.written) {
    const { contracts, services, routes } = definition;
    terminal.print(
      `${options.check === true ? 'behind' : 'wrote'} ${file}: ${count(contracts.length, 'contract')}, ${count(services.length, 'service')}, ${count(routes.length, 'route')}`,
    );
  }
  for (const file of changes.removed)
    terminal.print(`${options.check === true ? 'gone' : 'removed'} ${file}: it is no part of the bus any more`);
  const same = changes.written.length === 0 && changes.removed.length === 0;
  if (same)
    terminal.print(
      others.length === 0 ? 'the bus has no other part' : `up to date: ${count(others.length, 'other part')}`,
    );
  if (same || options.check !== true) return 'ok';
  terminal.note('parts/ is not what is applied; `waybill pull` fetches it');
  return 'configuration';
}

interface FileChanges {
  readonly written: readonly PartFile[];
  /** Files of parts that are gone. */
  readonly removed: readonly string[];
}

function namesOf({ written, removed }: FileChanges): object {
  return { written: written.map(({ file }) => file), removed };
}

async function changesTo(root: string, files: readonly PartFile[]): Promise<FileChanges> {
  const written: PartFile[] = [];
  for (const each of files) {
    if ((await contentOf(path.join(root, each.file))) !== each.text) written.push(each);
  }
  const there = (await listed(path.join(root, 'parts'))).filter((name) => name.endsWith('.json'));
  const removed = there.map((name) => `parts/${name}`).filter((name) => !files.some(({ file }) => file === name));
  return { written, removed };
}

async function write(root: string, { written, removed }: FileChanges): Promise<void> {
  if (written.length > 0) await mkdir(path.join(root, 'parts'), { recursive: true });
  for (const { file, text } of written) await writeFile(path.join(root, file), text);
  for (const file of removed) await rm(path.join(root, file));
}

async function contentOf(file: string): Promise<string | undefined> {
  return orAbsent(readFile(file, 'utf8'));
}

async function listed(folder: string): Promise<readonly string[]> {
  return (await orAbsent(readdir(folder))) ?? [];
}

async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function tooNew(part: string): never {
  throw new WaybillError('WB_TOPOLOGY_CONFLICT', `the part ${part} was applied by a newer version of Waybill`, {
    fix: 'Update this Waybill.',
  });
}
