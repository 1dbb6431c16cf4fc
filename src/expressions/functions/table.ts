import { CONVERSIONS } from './conversions.ts';
import { DATE_FUNCTIONS } from './dates.ts';
import type { FunctionDeclaration } from './declare.ts';
import { LIST_FUNCTIONS } from './lists.ts';
import { NUMBER_FUNCTIONS } from './numbers.ts';
import { OPTIONAL_FUNCTIONS } from './optionals.ts';
import { OTHER_FUNCTIONS } from './other.ts';
import { TEXT_FUNCTIONS } from './texts.ts';

/** Every function of the language: what is checked, run and documented. Macros and operators are CEL's own. */
export const FUNCTIONS: readonly FunctionDeclaration[] = [
  ...CONVERSIONS,
  ...NUMBER_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...OPTIONAL_FUNCTIONS,
  ...OTHER_FUNCTIONS,
];

const BY_NAME: ReadonlyMap<string, FunctionDeclaration> = new Map(FUNCTIONS.map((entry) => [entry.name, entry]));

export function functionNamed(name: string): FunctionDeclaration | undefined {
  return BY_NAME.get(name);
}

/** `round(of, decimals)`, `text.startsWith(part)`: one line for each way to call it. */
export function signaturesOf(entry: FunctionDeclaration): readonly string[] {
  return entry.forms.map(({ params }) => {
    const names = params.map(({ name }) => name);
    if (entry.style !== 'method') return `${entry.name}(${names.join(', ')})`;
    return `${names[0] ?? ''}.${entry.name}(${names.slice(1).join(', ')})`;
  });
}
