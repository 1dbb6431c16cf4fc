import path from 'node:path';
import type { Fault, Position } from '../errors.ts';
import type { Problem } from '../routes/problem.ts';
import type { DocumentPath } from './definition.ts';
import { Lines, type Place, type SourceDocument } from './document.ts';
import { errorCode, isFolder, listFiles, readText } from './files.ts';
import { parseJsonFile } from './json-document.ts';
import { parseYaml } from './yaml-document.ts';

/** The files of one configuration, read once, and the faults of all of them. */
export class Documents {
  readonly root: string;
  readonly #documents = new Map<string, SourceDocument>();
  readonly #faults: Fault[] = [];

  constructor(root: string) {
    this.root = root;
  }

  /** All faults so far, by place; those that say the same of one place once. */
  get faults(): readonly Fault[] {
    return sortFaults(this.#faults);
  }

  /** What was read, as it is shown. */
  get files(): readonly string[] {
    return [...this.#documents.keys()];
  }

  /** Reads and parses a file below `root`, JSON by its name, else YAML; undefined when it cannot be read or parsed, which is reported. */
  async read(file: string): Promise<SourceDocument | undefined> {
    const read = await readText(path.join(this.root, ...file.split('/')), file);
    if ('fault' in read) {
      this.#faults.push(read.fault);
      return undefined;
    }
    const document = file.endsWith('.json') ? parseJsonFile(file, read.text) : parseYaml(file, read.text);
    this.#documents.set(file, document);
    this.#faults.push(...document.faults);
    return document.value === undefined ? undefined : document;
  }

  /** The files below a folder of `root`, as they are shown; none when there is no such folder, or when it cannot be read, which is reported. */
  async list(folder: string): Promise<string[]> {
    const absolute = path.join(this.root, folder);
    if (!(await isFolder(absolute))) return [];
    try {
      return (await listFiles(absolute)).map((file) => `${folder}/${file}`);
    } catch (cause) {
      const message = `the folder cannot be read: ${errorCode(cause)}`;
      this.report({
        code: 'WB_CONFIG_FILE',
        file: folder,
        path: [],
        message,
        fix: 'Give the user that runs the bus leave to read it.',
      });
      return [];
    }
  }

  report({ file, path: at, key, offset, code, message, fix }: Problem): void {
    const place = { ...(key === undefined ? {} : { key }), ...(offset === undefined ? {} : { offset }) };
    this.#faults.push({ code, message, at: this.locate(file, at, place), ...(fix === undefined ? {} : { fix }) });
  }

  /** Of a file that is no document, or whose place is known. */
  reportAt(fault: Fault): void {
    this.#faults.push(fault);
  }

  locate(file: string, at: DocumentPath, place?: Place): Position {
    return this.#documents.get(file)?.locate(at, place) ?? { file, line: 1, column: 1 };
  }

  /** The text of a line of a file that was read, for showing a fault in its place. */
  sourceLine(file: string, line: number): string | undefined {
    const document = this.#documents.get(file);
    return document === undefined ? undefined : new Lines(document.text).line(line);
  }
}

/** By file and place; what is said twice is kept once. */
function sortFaults(faults: readonly Fault[]): readonly Fault[] {
  const unique = new Map(faults.map((fault) => [JSON.stringify([fault.at, fault.code, fault.message]), fault]));
  return [...unique.values()].sort((a, b) => compare(a.at, b.at));
}

function compare(a: Position | undefined, b: Position | undefined): number {
  const [x, y] = [a?.file ?? '', b?.file ?? ''];
  if (x !== y) return x < y ? -1 : 1;
  return (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
}
