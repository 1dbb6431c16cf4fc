import { ExactNumber } from '../json.ts';

/** Data of messages is parsed within `limits.depth`, which is far less; what is deeper is a circle. */
const DEEPEST = 1_000;

/**
 * Freezes a value and all that is in it, and sees whether it is plain JSON.
 * @returns what is not, and where: `lines[2].at is a Date`; undefined when all is
 */
export function freezeJson(value: unknown, place = '', depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null) return wrongLeaf(value, place);
  if (value instanceof ExactNumber) return undefined;
  if (depth > DEEPEST) return `${shown(place)} is nested without an end`;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const wrong = freezeJson(value[i], `${place}[${String(i)}]`, depth + 1);
      if (wrong !== undefined) return wrong;
    }
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return `${shown(place)} is ${nameOf(value)}`;
    for (const [name, each] of Object.entries(value)) {
      // As in JSON.stringify, and in a contract: it is not there.
      if (each === undefined) continue;
      const wrong = freezeJson(each, place === '' ? name : `${place}.${name}`, depth + 1);
      if (wrong !== undefined) return wrong;
    }
  }
  Object.freeze(value);
  return undefined;
}

function wrongLeaf(value: unknown, place: string): string | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${shown(place)} is ${String(value)}`;
  return `${shown(place)} is ${value === undefined ? 'undefined' : `a ${typeof value}`}`;
}

function nameOf(value: object): string {
  if ('then' in value) return 'a promise, which nobody waited for';
  const { constructor } = value;
  return typeof constructor === 'function' && constructor.name !== ''
    ? `an object of the class ${constructor.name}`
    : 'an object of a class';
}

function shown(place: string): string {
  return place === '' ? 'it' : place;
}
