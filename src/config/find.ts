import path from 'node:path';
import { WaybillError } from '../errors.ts';
import { kindOf } from './files.ts';

const BUS_FILE = 'waybill.yaml';

/** The nearest `waybill.yaml` in `folder` or above it; undefined when there is none up to the root of the file system. */
async function findBusFile(folder: string): Promise<string | undefined> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    const candidate = path.join(at, BUS_FILE);
    if ((await kindOf(candidate)) !== 'nothing') return candidate;
    if (at === path.dirname(at)) return undefined;
  }
}

/**
 * The file that `given` means: a file itself, or the `waybill.yaml` of a folder; without it the nearest above `cwd`.
 * @throws WB_CONFIG_NOT_FOUND
 */
export async function requireBusFile(given: string | undefined, cwd: string): Promise<string> {
  if (given === undefined) {
    const found = await findBusFile(cwd);
    if (found !== undefined) return found;
    throw new WaybillError('WB_CONFIG_NOT_FOUND', `there is no ${BUS_FILE} in ${cwd} or above it`, {
      fix: 'Make one with `waybill init`, name one with `config`, or give the url of a bus.',
    });
  }
  const absolute = path.resolve(cwd, given);
  const file =
    path.basename(absolute) !== BUS_FILE && (await kindOf(absolute)) === 'folder'
      ? path.join(absolute, BUS_FILE)
      : absolute;
  if ((await kindOf(file)) !== 'nothing') return file;
  throw new WaybillError('WB_CONFIG_NOT_FOUND', `there is no ${file}`, {
    fix: `Name a ${BUS_FILE}, or the folder that holds one.`,
  });
}
