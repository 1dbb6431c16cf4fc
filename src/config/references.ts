import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { nearest } from '../nearest.ts';
import type { DocumentPath } from './definition.ts';
import { errorCode } from './files.ts';

/** Environment variables, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Something that cannot be resolved, where it is written. Never holds a resolved value. */
export interface ReferenceProblem {
  readonly path: DocumentPath;
  /** Of the reference in its text. */
  readonly offset: number;
  readonly message: string;
  readonly fix: string;
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const FORMS = 'Write ${NAME}, ${NAME:-default} or ${file:path}; $${ is a plain ${.';

/** Whether a text refers to the environment, so that its value is not for showing. */
export function hasReference(text: unknown): boolean {
  return typeof text === 'string' && text.includes('${');
}

/**
 * A copy of `raw` in which every `${NAME}`, `${NAME:-default}` and `${file:path}` in texts is replaced by its value. A
 * variable that is not set, or empty, and has no default is a problem. Files are relative to `root`; the end of their last line is cut.
 */
export async function resolveReferences(
  raw: unknown,
  at: DocumentPath,
  context: { readonly root: string; readonly environment: Environment },
  problems: ReferenceProblem[],
): Promise<unknown> {
  if (typeof raw === 'string') return resolveText(raw, at, context, problems);
  if (Array.isArray(raw)) {
    return Promise.all(raw.map((item, i) => resolveReferences(item, [...at, i], context, problems)));
  }
  if (typeof raw !== 'object' || raw === null) return raw;
  const entries = Object.entries(raw).map(
    async ([key, item]) => [key, await resolveReferences(item, [...at, key], context, problems)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function resolveText(
  text: string,
  at: DocumentPath,
  context: { readonly root: string; readonly environment: Environment },
  problems: ReferenceProblem[],
): Promise<string> {
  let result = '';
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    result += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[1] === undefined) {
      result += '${';
      continue;
    }
    const refuse = (message: string, fix: string): void => {
      problems.push({ path: at, offset: match.index, message, fix });
    };
    if (match[2] === '') refuse('a reference that begins with ${ has no end', FORMS);
    else result += (await resolveOne(match[1], context, refuse)) ?? '';
  }
  return result + text.slice(end);
}

async function resolveOne(
  inside: string,
  { root, environment }: { readonly root: string; readonly environment: Environment },
  refuse: (message: string, fix: string) => void,
): Promise<string | undefined> {
  if (inside.startsWith('file:')) return resolveFile(inside.slice('file:'.length), root, refuse);
  const split = inside.indexOf(':-');
  const name = split === -1 ? inside : inside.slice(0, split);
  const fallback = split === -1 ? undefined : inside.slice(split + 2);
  if (!NAME.test(name)) {
    refuse(`\${${inside}} is not a reference`, FORMS);
    return undefined;
  }
  if (fallback?.includes('${') === true) {
    refuse(`the default of \${${name}} holds a reference, which is not resolved`, 'Give it a plain default.');
    return undefined;
  }
  // As in a shell, an empty variable counts as none: it is how people clear one.
  const set = Object.hasOwn(environment, name) ? environment[name] : undefined;
  const value = set === '' ? undefined : set;
  if (value !== undefined || fallback !== undefined) return value ?? fallback;
  const near = nearest(name, Object.keys(environment));
  refuse(
    `the environment variable ${name} is not set`,
    near === undefined ? `Set ${name}, or give a default: \${${name}:-...}.` : `did you mean ${near}? It is set.`,
  );
  return undefined;
}

async function resolveFile(
  file: string,
  root: string,
  refuse: (message: string, fix: string) => void,
): Promise<string | undefined> {
  try {
    return (await readFile(path.resolve(root, file), 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    refuse(`the file ${file} cannot be read: ${errorCode(cause)}`, 'Create it, or mend the path.');
    return undefined;
  }
}
