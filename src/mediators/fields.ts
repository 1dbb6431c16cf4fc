import { didYouMean } from '../nearest.ts';
import type { FieldPath, Path, StepContract, StepField, StepScope } from '../ports/mediator.ts';

/** A field that a step was told to change. */
export interface NamedField {
  /** As it was written: `lines[].note`. */
  readonly text: string;
  readonly path: FieldPath;
  readonly field: StepField;
}

export const FIELD_PATH =
  'Names joined by dots: `customer.email`. `lines[].note` is a field of every item, `notes.*` every property.';

/** The field that `text` names in a contract; undefined, and a fault at `at`, when there is none. */
export function fieldOf(
  mediator: string,
  text: string,
  contract: StepContract,
  at: Path,
  scope: StepScope,
): NamedField | undefined {
  const path = parseFieldPath(text);
  if (path === undefined) {
    scope.fault(at, {
      code: 'WB_MEDIATOR_OPTION',
      message: `${mediator}: ${JSON.stringify(text)} is no path of a field`,
      fix: 'write it like customer.email or lines[].note',
    });
    return undefined;
  }
  const field = contract.field(path);
  if (field !== undefined) return { text, path, field };
  const known = path.findIndex((_, i) => contract.field(path.slice(0, i + 1)) === undefined);
  const above = path.slice(0, known);
  const meant = didYouMean(path[known] ?? '', contract.fieldNames(above));
  const fix = path[0] === 'data' ? 'leave out `data.`: paths begin in the data' : meant;
  const message = `${mediator}: ${contract.ref} declares no field ${text}`;
  scope.fault(at, { code: 'WB_MAPPING_FIELD', message, ...(fix !== undefined && { fix }) });
  return undefined;
}

/** A fault when a step would put something else in place of what messages get their key from. */
export function checkNoKey(
  mediator: string,
  { text, field }: NamedField,
  contract: StepContract,
  at: Path,
  scope: StepScope,
): boolean {
  if (!field.key) return true;
  scope.fault(at, {
    code: 'WB_MEDIATOR_OPTION',
    message: `${mediator}: ${contract.ref} takes the key of messages from ${text}, so it must stay as it is`,
    fix: 'map to a contract with another x-key first',
  });
  return false;
}

/** `lines[].note` -> ['lines', '[]', 'note'] */
function parseFieldPath(text: string): FieldPath | undefined {
  const path: string[] = [];
  for (const word of text.split('.')) {
    const [, name = '', items = ''] = /^([^[\].*\s]+|\*)((?:\[\])*)$/.exec(word) ?? [];
    // Nobody declares it, and assigning to it would do something else.
    if (name === '' || name === '__proto__') return undefined;
    path.push(name, ...(items.match(/\[\]/g) ?? []));
  }
  return path;
}

/**
 * A copy of the data with a field changed, everywhere the path leads; the data itself when that is nowhere.
 * @param change gets the value and where it stands, `lines[2].note`; undefined leaves the field out
 */
export function changeField(
  data: unknown,
  path: FieldPath,
  change: (value: unknown, place: string) => unknown,
  place = '',
): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return change(data, place);
  if (Array.isArray(data)) {
    if (segment !== '[]') return data;
    return changed(
      data,
      data.map((item: unknown, i) => changeField(item, rest, change, `${place}[${String(i)}]`)),
    );
  }
  if (typeof data !== 'object' || data === null || segment === '[]') return data;
  const names = segment === '*' ? Object.keys(data) : [segment];
  let copy: Record<string, unknown> | undefined;
  for (const name of names) {
    if (!Object.hasOwn(data, name)) continue;
    const before: unknown = Reflect.get(data, name);
    const after = changeField(before, rest, change, place === '' ? name : `${place}.${name}`);
    if (after === before) continue;
    copy ??= { ...data };
    if (after === undefined) Reflect.deleteProperty(copy, name);
    else copy[name] = after;
  }
  return copy ?? data;
}

function changed(before: readonly unknown[], after: readonly unknown[]): readonly unknown[] {
  return after.every((item, i) => item === before[i]) ? before : after.filter((item) => item !== undefined);
}
