import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  visit,
  type YAMLMap,
} from 'yaml';
import type { ErrorCode, Fault } from '../errors.ts';
import { toError } from '../errors.ts';
import { Lines, offsetOf, type SourceDocument } from './document.ts';
import { quotedValue } from './quotes.ts';

/** Deepest nesting of a file. Far above any real one, far below what ends the stack. */
const DEEPEST = 400;

/**
 * Parses a YAML file that must be plain: one document of maps, lists and JSON values. What YAML would read as something
 * else than it looks like (a tag, an anchor, an alias, a map in an expression) is a fault that says which quotes to add.
 */
export function parseYaml(file: string, text: string): SourceDocument {
  const lines = new Lines(text);
  const faults = new Map<number, Fault>();
  const report: Report = (offset, code, message, fix) => {
    const at = lines.position(file, Math.min(offset, text.length));
    // One thing that YAML reads differently tends to be several faults of one line; the first says it.
    if (faults.has(at.line ?? 0)) return;
    const advice = fix ?? quotedValue(lines.line(at.line ?? 0)) ?? 'Put a text with such signs in it in quotes.';
    faults.set(at.line ?? 0, { code, message, at, fix: advice });
  };
  const document = parseOne(text, report);
  const root: Node | null = document?.contents ?? null;
  const value = document === undefined || faults.size > 0 ? undefined : plain(root, report);
  const found = [...faults.values()].sort((a, b) => (a.at?.line ?? 0) - (b.at?.line ?? 0));
  return {
    file,
    text,
    value: found.length === 0 ? value : undefined,
    faults: found,
    locate: (path, at = {}) => lines.position(file, offsetOf(text, root, path, at)),
  };
}

type Report = (offset: number, code: ErrorCode, message: string, fix?: string) => void;

function parseOne(text: string, report: Report): Document<ParsedNode> | undefined {
  const depth = deepestIndent(text);
  if (depth !== undefined) {
    report(depth, 'WB_CONFIG_YAML', `nested deeper than ${String(DEEPEST)} levels`, 'Flatten it.');
    return undefined;
  }
  let documents: Document<ParsedNode>[];
  try {
    const parsed = parseAllDocuments(text, { prettyErrors: false, logLevel: 'silent' });
    documents = 'empty' in parsed ? [] : parsed;
  } catch (thrown) {
    report(0, 'WB_CONFIG_YAML', `not valid YAML: ${toError(thrown).message}`);
    return undefined;
  }
  const [document, second] = documents;
  if (document === undefined || (document.contents !== null && isNothing(document.contents) && !second)) {
    report(0, 'WB_CONFIG_FILE', 'the file is empty', 'Write the configuration, or remove the file.');
    return undefined;
  }
  if (second !== undefined) {
    const marker = text.indexOf('---', (document.range?.[2] ?? 0) - 3);
    report(
      Math.max(marker, 0),
      'WB_CONFIG_YAML',
      'the file holds several YAML documents, expected one',
      'Remove the `---`, or write two files.',
    );
    return undefined;
  }
  inspect(document, text, report);
  for (const problem of [...document.errors, ...document.warnings]) {
    const duplicate = problem.code === 'DUPLICATE_KEY';
    report(
      problem.pos[0],
      'WB_CONFIG_YAML',
      duplicate ? 'this key stands twice in one mapping' : `not plain YAML: ${lowerFirst(problem.message)}`,
      duplicate ? 'Keep one of the two.' : indentationFix(problem.code, problem.pos[0], document.errors, text),
    );
  }
  return document;
}

/** What to do where the spaces at the beginning of a line are what is wrong; undefined where they are not. */
function indentationFix(code: string, offset: number, errors: Document['errors'], text: string): string | undefined {
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.';
  if (code === 'BAD_INDENT') return 'Indent it as the other lines of its list or mapping.';
  // A value that goes on for lines, the last of which is a key: that was to be a line of its own.
  const spanning = errors.find((error) => error.code === 'MULTILINE_IMPLICIT_KEY' && error.pos[0] === offset);
  const key = spanning === undefined ? undefined : /\n *([\w$.@/-]+)$/.exec(text.slice(...spanning.pos))?.[1];
  return key === undefined
    ? undefined
    : `Indent ${key} as the line above it, or move it below a key that has no value.`;
}

function isNothing(node: Node): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === '';
}

/** Reports what is YAML but not plain: it all parses, and most of it loads as something else than it looks like. */
function inspect(document: Document<ParsedNode>, text: string, report: Report): void {
  visit(document, {
    Node(_key, node) {
      const offset = node.range?.[0] ?? 0;
      if (isAlias(node)) {
        report(offset, 'WB_CONFIG_YAML', `*${node.source} is a YAML alias here, not text`);
        return;
      }
      // A node begins behind its tag and anchor.
      if (node.tag !== undefined) {
        const tag = node.tag.replace(/^tag:yaml\.org,2002:/, '!!');
        const found = text.lastIndexOf(tag.startsWith('!') ? tag : '!', offset);
        report(found === -1 ? offset : found, 'WB_CONFIG_YAML', `${tag} is a YAML tag here, not text`);
      } else if (node.anchor !== undefined) {
        const found = text.lastIndexOf(`&${node.anchor}`, offset);
        report(found === -1 ? offset : found, 'WB_CONFIG_YAML', `&${node.anchor} is a YAML anchor here, not text`);
      }
    },
    Map(_key, map) {
      for (const pair of map.items) inspectKey(map, pair.key, pair.value, report);
    },
  });
}

function inspectKey(map: YAMLMap, key: unknown, value: unknown, report: Report): void {
  if (!isScalar(key)) {
    const offset = isMap(key) || isSeq(key) ? key.range?.[0] : map.range?.[0];
    report(offset ?? 0, 'WB_CONFIG_YAML', 'a map or list stands where a key is expected');
    return;
  }
  const offset = key.range?.[0] ?? map.range?.[0] ?? 0;
  if (key.value === '__proto__') {
    report(offset, 'WB_JSON_PROTO', 'the key `__proto__` is refused', 'Rename the key.');
  } else if (key.source === '<<' || (key.value === '<<' && key.type === 'PLAIN')) {
    report(offset, 'WB_CONFIG_YAML', '<< is a YAML merge key, which is not used here', 'Write the keys out.');
  } else if (typeof key.value !== 'string') {
    const shown = key.source ?? '';
    report(
      offset,
      'WB_CONFIG_YAML',
      shown === '' ? 'a key is missing before the colon' : `the key ${shown} is not text`,
      shown === '' ? undefined : `write "${shown}": with quotes`,
    );
  } else if (map.flow === true && (value === null || (isScalar(value) && value.value === null && !value.source))) {
    report(offset, 'WB_CONFIG_YAML', `\`${key.value}\` has no value in { }, so YAML cuts the text here`);
  }
}

/** The plain value of a node; what JSON does not have is reported. */
function plain(node: unknown, report: Report): unknown {
  if (isMap(node)) {
    return Object.fromEntries(
      node.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', plain(pair.value, report)]),
    );
  }
  if (isSeq(node)) {
    return node.items.map((item) => plain(isPair(item) ? null : item, report));
  }
  if (!isScalar(node)) return null;
  const { value, source = '' } = node;
  if (typeof value === 'bigint' || typeof value === 'number') checkNumber(value, source, node.range?.[0] ?? 0, report);
  return value === null || typeof value === 'string' || typeof value === 'boolean' ? value : Number(value);
}

/** A number is itself, or a fault: 9007199254740993 must not become 9007199254740992 on the way. */
function checkNumber(value: number | bigint, source: string, offset: number, report: Report): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    report(offset, 'WB_CONFIG_YAML', `${source} is no number of JSON`);
  } else if (Number.isInteger(Number(value)) && !Number.isSafeInteger(Number(value))) {
    report(offset, 'WB_NUMBER_EXACT', `${source} is too large to be held exactly as a JSON number`);
  }
}

/** Where brackets or indentation nest too deeply to parse safely. */
function deepestIndent(text: string): number | undefined {
  let brackets = 0;
  let dashes = 0;
  const indented = text.search(new RegExp(`^ {${String(DEEPEST)}}`, 'm'));
  if (indented !== -1) return indented;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '\n') dashes = 0;
    else if (char === '[' || char === '{') brackets++;
    else if ((char === ']' || char === '}') && brackets > 0) brackets--;
    else if ((char === '-' || char === '?') && text[i + 1] === ' ') dashes++;
    if (brackets > DEEPEST || dashes > DEEPEST) return i;
  }
  return undefined;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
