import { isScalar, type Node, parseDocument, visit } from 'yaml';
import { type ErrorCode, type Fault, WaybillError } from '../errors.ts';
import { ExactNumber, jsonSyntaxOffset, parseJsonStrictly } from '../json.ts';
import type { DocumentPath } from './definition.ts';
import { Lines, offsetOf, type SourceDocument } from './document.ts';

/** A contract for data of 64 levels takes two levels of schema for each. */
const DEEPEST = 256;

/** Parses a JSON file strictly: duplicate and `__proto__` keys and numbers that would change are faults, each with its place. */
export function parseJsonFile(file: string, text: string): SourceDocument {
  const lines = new Lines(text);
  const faults: Fault[] = [];
  const report = (offset: number, code: ErrorCode, message: string, fix?: string): void => {
    const at = lines.position(file, Math.min(offset, text.length));
    faults.push({ code, message, at, ...(fix === undefined ? {} : { fix }) });
  };
  let root: Node | null = null;
  let value: unknown;
  if (text.trim() === '') {
    report(0, 'WB_CONFIG_FILE', 'the file is empty', 'Write the contract, or remove the file.');
  } else {
    try {
      value = parseJsonStrictly(text, { maxDepth: DEEPEST });
      root = nodes(text);
      reportExactNumbers(value, [], (path, number) => {
        report(
          offsetOf(text, root, path, {}),
          'WB_NUMBER_EXACT',
          `${number.text} cannot be held exactly as a JSON number`,
          'Use a number of at most 15 digits.',
        );
      });
    } catch (thrown) {
      if (!(thrown instanceof WaybillError)) throw thrown;
      if (thrown.code === 'WB_JSON_DUPLICATE_KEY' || thrown.code === 'WB_JSON_PROTO') reportKeys(nodes(text), report);
      if (faults.length === 0) report(jsonSyntaxOffset(text) ?? 0, thrown.code, syntaxMessage(thrown), fixOf(thrown));
    }
  }
  return {
    file,
    text,
    value: faults.length === 0 ? value : undefined,
    faults,
    locate: (path, at = {}) => lines.position(file, offsetOf(text, root, path, at)),
  };
}

/** JSON is YAML, so the YAML parser, which keeps the places, says where things stand. What is valid, it does not decide. */
function nodes(text: string): Node | null {
  return parseDocument(text, { schema: 'json', prettyErrors: false, uniqueKeys: false, logLevel: 'silent' }).contents;
}

/** The limits of the bus are those of messages, not of files. */
function fixOf({ code, fix }: WaybillError): string | undefined {
  return code === 'WB_JSON_DEPTH' ? 'Flatten it.' : fix;
}

/** The engine quotes a part of the text, and its position, which the fault has already. */
function syntaxMessage(error: WaybillError): string {
  return error.message.replace(/,? (?:in JSON )?at position \d+.*$/s, '').replace(/, ".*" is not valid JSON$/s, '');
}

function reportKeys(
  root: Node | null,
  report: (offset: number, code: ErrorCode, message: string, fix: string) => void,
) {
  if (root === null) return;
  visit(root, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const offset = key.range?.[0] ?? 0;
        if (seen.has(key.value)) {
          report(
            offset,
            'WB_JSON_DUPLICATE_KEY',
            `the key ${JSON.stringify(key.value)} stands twice in one object`,
            'Keep one of the two.',
          );
        }
        if (key.value === '__proto__')
          report(offset, 'WB_JSON_PROTO', 'the key "__proto__" is refused', 'Rename the key.');
        seen.add(key.value);
      }
    },
  });
}

function reportExactNumbers(
  value: unknown,
  path: DocumentPath,
  found: (path: DocumentPath, number: ExactNumber) => void,
): void {
  if (value instanceof ExactNumber) found(path, value);
  else if (Array.isArray(value))
    value.forEach((item, i) => {
      reportExactNumbers(item, [...path, i], found);
    });
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) reportExactNumbers(item, [...path, key], found);
  }
}
