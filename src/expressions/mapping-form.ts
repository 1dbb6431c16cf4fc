import { didYouMean } from '../nearest.ts';

/** An object of a mapping that has words of the language in it. */
export type Form =
  | { readonly kind: 'const'; readonly value: unknown }
  | { readonly kind: 'each'; readonly over: unknown; readonly name: string; readonly set: unknown }
  /** After a fault that leaves nothing to check. */
  | { readonly kind: 'faulty' };

interface FormFault {
  /** From the object. */
  readonly path: readonly string[];
  readonly message: string;
  readonly fix: string;
}

const WORDS = ['$const', '$each', '$as', '$set'];

/** What `$as` may be: a name of CEL that is not taken. */
const NAME = /^[A-Za-z_]\w*$/;
const TAKEN = ['data', 'meta', 'vars', 'cel', 'optional', 'in', 'true', 'false', 'null'];

/** Reads `{ $const }` and `{ $each, $as, $set }`; `words` are the object's keys that begin with `$`. */
export function readForm(document: object, words: readonly string[]): Form & { readonly faults: readonly FormFault[] } {
  const entries = new Map<string, unknown>(Object.entries(document));
  const faults: FormFault[] = [];
  for (const word of words) {
    if (WORDS.includes(word)) continue;
    const fix = didYouMean(word, WORDS) ?? `there are ${WORDS.join(', ')}`;
    faults.push({ path: [word], message: `${word} is not a word of mappings`, fix });
  }
  if (faults.length > 0) return { kind: 'faulty', faults };
  const form = entries.has('$const') ? ['$const'] : ['$each', '$as', '$set'];
  for (const name of entries.keys()) {
    if (form.includes(name)) continue;
    const message = `${name} cannot stand beside ${form.join(', ')}`;
    faults.push({ path: [name], message, fix: 'put it one level up or down' });
  }
  for (const word of form) {
    if (entries.has(word)) continue;
    faults.push({ path: [], message: `${word} is missing`, fix: 'write { $each: list, $as: name, $set: ... }' });
  }
  if (faults.length > 0) return { kind: 'faulty', faults };
  if (entries.has('$const')) return { kind: 'const', value: entries.get('$const'), faults };
  const name = entries.get('$as');
  const each = { kind: 'each', over: entries.get('$each'), set: entries.get('$set') } as const;
  if (typeof name === 'string' && NAME.test(name) && !TAKEN.includes(name)) return { ...each, name, faults };
  const fix = `write a word such as item; taken are ${TAKEN.join(', ')}`;
  const fault = { path: ['$as'], message: '$as needs a name that is not taken', fix };
  return { ...each, name: 'item', faults: [fault] };
}
