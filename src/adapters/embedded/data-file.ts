import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { WaybillError } from '../../errors.ts';
import { folderFault, isErrno } from './faults.ts';

/**
 * Where things stand in LMDB's file, as this version of `lmdb` writes it on 64-bit systems (mdb.c: MDB_page, MDB_meta,
 * MDB_db, MDB_node). All numbers are little endian.
 */
const HEADER = 24;
const MAGIC = 0xbeefc0de;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const UPPER_AT = 22;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const DATABASE = 48;
const ROOT_AT = 40;
const NODE = 8;
const BIG_DATA = 0x01;
const SUB_DATABASE = 0x02;
/** Both headers, at any size of pages. @unit bytes */
const HEADS = 2 * 65_536;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** A file that was different after each of so many looks has an owner that reads and writes it. */
const LOOKS = 5;

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
  /** Of the free list and of the main database. */
  readonly roots: readonly bigint[];
}

/**
 * LMDB maps its file and trusts what stands in it, so a page that is missing or leads astray ends the process with SIGBUS or
 * SIGSEGV once it is read, and nobody could say why. This finds it out before: it follows all pages that are in use, but not
 * the records that have pages of their own, of which it looks at the headers. What is wrong within a record is found by who reads
 * the record. A file may well be shorter than its header says, when its last pages are free.
 *
 * The owner of the folder may commit meanwhile, so that what was read does not fit together: only what is found in a file that
 * did not change is a fault.
 * @returns how often it looked, since the file changed meanwhile: 0 where there is no file
 * @throws WB_STORE_CORRUPT
 */
export function checkDataFile(path: string): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (thrown) {
    if (isErrno(thrown, 'ENOENT')) return 0;
    throw folderFault(path, thrown);
  }
  try {
    for (let looks = 1; looks <= LOOKS; looks++) {
      const before = stateOf(file);
      try {
        examine(file, path);
        return looks;
      } catch (fault) {
        if (stateOf(file) === before) throw fault;
      }
    }
    return LOOKS;
  } finally {
    closeSync(file);
  }
}

/** Changes with each commit: the size, and both headers, of which each commit writes one. */
function stateOf(file: number): string {
  const heads = Buffer.alloc(HEADS);
  const read = readSync(file, heads, 0, heads.length, 0);
  return `${String(fstatSync(file).size)} ${heads.toString('base64', 0, read)}`;
}

function examine(file: number, path: string): void {
  const { size } = fstatSync(file);
  if (size === 0) return;
  const first = readMeta(file, 0, path);
  const second = readMeta(file, first.pageSize, path);
  const latest = second.transaction > first.transaction ? second : first;
  new Walk(file, path, latest.pageSize, Math.floor(size / latest.pageSize)).check(latest.roots);
}

function readMeta(file: number, at: number, path: string): Meta {
  const head = Buffer.alloc(HEADER + 160);
  if (readSync(file, head, 0, head.length, at) < head.length) throw corrupt(path, 'its header is cut off');
  if (head.readUInt32LE(HEADER) !== MAGIC) throw corrupt(path, `its header is overwritten at byte ${String(at)}`);
  // After magic, version, address and map size come two databases; the first begins with the size of pages.
  const databases = HEADER + 24;
  const pageSize = head.readUInt32LE(databases);
  if (pageSize < 256 || pageSize > 65_536) throw corrupt(path, `its pages are said to have ${String(pageSize)} bytes`);
  return {
    pageSize,
    lastPage: Number(head.readBigUInt64LE(databases + 2 * DATABASE)),
    transaction: head.readBigUInt64LE(databases + 2 * DATABASE + 8),
    roots: [databases, databases + DATABASE].map((database) => head.readBigUInt64LE(database + ROOT_AT)),
  };
}

/** Follows all pages that are in use. */
class Walk {
  readonly #file: number;
  readonly #path: string;
  readonly #page: Buffer;
  readonly #pages: number;
  #seen = 0;

  constructor(file: number, path: string, pageSize: number, pages: number) {
    this.#file = file;
    this.#path = path;
    this.#page = Buffer.alloc(pageSize);
    this.#pages = pages;
  }

  check(roots: readonly bigint[]): void {
    const left = [...roots];
    for (let root = left.pop(); root !== undefined; root = left.pop()) {
      if (root !== NO_PAGE) left.push(...this.#follow(root));
    }
  }

  /** The pages that a page leads to. */
  #follow(number: bigint): bigint[] {
    const page = this.#page;
    const flags = this.#read(number, 1, page);
    const kind = flags & (BRANCH | LEAF | OVERFLOW);
    if (kind !== BRANCH && kind !== LEAF) throw this.#damaged(number);
    // Each page is led to once. More than there are go round in a circle.
    if (++this.#seen > this.#pages) throw this.#damaged(number);
    const lower = page.readUInt16LE(LOWER_AT);
    if (lower > page.readUInt16LE(UPPER_AT) || HEADER + lower > page.length) throw this.#damaged(number);
    const next: bigint[] = [];
    for (let i = 0; i < lower / 2; i++) {
      const at = HEADER + page.readUInt16LE(HEADER + i * 2);
      const data = at + NODE + (at + NODE > page.length ? 0 : page.readUInt16LE(at + 6));
      if (data > page.length) throw this.#damaged(number);
      if (kind === BRANCH) next.push(BigInt(page.readUInt32LE(at)) + (BigInt(page.readUInt16LE(at + 4)) << 32n));
      else next.push(...this.#leaf(number, at, data));
    }
    return next;
  }

  #leaf(number: bigint, at: number, data: number): bigint[] {
    const page = this.#page;
    const size = page.readUInt32LE(at);
    const flags = page.readUInt16LE(at + 4);
    const big = (flags & BIG_DATA) !== 0;
    if (data + (big ? 8 : size) > page.length) throw this.#damaged(number);
    if (big) {
      const first = page.readBigUInt64LE(data);
      const pages = Math.floor((HEADER - 1 + size) / page.length) + 1;
      if ((this.#read(first, pages, Buffer.alloc(HEADER)) & OVERFLOW) === 0) throw this.#damaged(first);
    } else if ((flags & SUB_DATABASE) !== 0) {
      if (size < DATABASE) throw this.#damaged(number);
      return [page.readBigUInt64LE(data + ROOT_AT)];
    }
    return [];
  }

  /** Reads a page, or the header of the first of several, and says what kind it is. */
  #read(first: bigint, pages: number, into: Buffer): number {
    if (first + BigInt(pages) > BigInt(this.#pages)) {
      const last = first + BigInt(pages) - 1n;
      throw corrupt(this.#path, `it is cut off: page ${String(last)} of ${String(this.#pages)} is in use`);
    }
    const read = readSync(this.#file, into, 0, into.length, Number(first) * this.#page.length);
    // Each page says which it is.
    if (read < into.length || into.readBigUInt64LE(0) !== first) throw this.#damaged(first);
    return into.readUInt16LE(FLAGS_AT);
  }

  #damaged(page: bigint): WaybillError {
    return corrupt(this.#path, `page ${String(page)} is overwritten`);
  }
}

function corrupt(path: string, why: string): WaybillError {
  return new WaybillError('WB_STORE_CORRUPT', `${path} is damaged: ${why}`, {
    fix: 'Restore the folder from a backup, or keep it aside and start with a new one.',
  });
}
