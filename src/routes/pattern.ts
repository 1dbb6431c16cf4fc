import { parseTypeRef, type TypeRef } from '../message.ts';

const PATTERN = /^(?:[a-z][a-z0-9-]*|\*)(?:\.(?:[a-z][a-z0-9-]*|\*))+@[1-9][0-9]{0,5}$/;

/** Whether it has a `*`, so that it may stand for several types: `shop.order.*@1`. */
export function isPattern(from: string): boolean {
  return from.includes('*');
}

/** Whether `from` is a type (`shop.order.placed@1`) or a pattern of types (`shop.*.placed@1`). */
export function isTypeOrPattern(from: string): boolean {
  return parseTypeRef(from) !== undefined || PATTERN.test(from);
}

/**
 * Whether `ref` is what `from` stands for. A `*` stands for exactly one word, anywhere in the type: `shop.order.*@1` takes
 * `shop.order.placed@1`, neither `shop.order@1` nor `shop.order.line.added@1`. Versions are equal or nothing matches.
 */
export function matchesType(from: string, ref: TypeRef): boolean {
  if (!isPattern(from)) return from === ref;
  const [fromType = '', fromVersion] = from.split('@');
  const [type = '', version] = ref.split('@');
  const wanted = fromType.split('.');
  const words = type.split('.');
  return (
    fromVersion === version &&
    wanted.length === words.length &&
    wanted.every((word, i) => word === '*' || word === words[i])
  );
}
