import { WaybillError } from '../errors.ts';
import { ExactNumber } from '../json.ts';

/** Deeper data can only be cyclic or hostile; parsed data is limited long before. */
const DEEPEST = 1_000;

/**
 * Data as a validator should see it: each `ExactNumber` as the nearest JavaScript number, the rest as it is. Without one
 * (a walk of about 0.1 microseconds for 400 bytes) it is the data itself.
 *
 * The nearest number keeps the contract exactly when the decimal does, but for bounds that are themselves beyond 2^53 and
 * fractions on numbers beyond 2^52, which a contract cannot state either.
 * @throws WB_JSON_DEPTH for cyclic data
 */
export function lowerExact(data: unknown): unknown {
  return hasExact(data, DEEPEST) ? lower(data) : data;
}

function hasExact(node: unknown, left: number): boolean {
  if (typeof node !== 'object' || node === null) return false;
  if (node instanceof ExactNumber) return true;
  if (left === 0)
    throw new WaybillError(
      'WB_JSON_DEPTH',
      `the data is nested deeper than ${String(DEEPEST)} levels, or contains itself`,
    );
  if (Array.isArray(node)) {
    for (const item of node as readonly unknown[])
      if (typeof item === 'object' && hasExact(item, left - 1)) return true;
    return false;
  }
  for (const key in node) {
    const value = (node as Record<string, unknown>)[key];
    if (typeof value === 'object' && hasExact(value, left - 1)) return true;
  }
  return false;
}

function lower(node: unknown): unknown {
  if (node instanceof ExactNumber) return nearestNumber(node.text);
  if (Array.isArray(node)) return node.map(lower);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, lower(value)]));
}

/** Finite, and a whole number only when the decimal is one (1.0000000000000000001 is not an integer). */
function nearestNumber(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) return value > 0 ? Number.MAX_VALUE : -Number.MAX_VALUE;
  if (!Number.isInteger(value) || isWhole(text)) return value;
  if (value === 0) return text.startsWith('-') ? -Number.MIN_VALUE : Number.MIN_VALUE;
  const beyond = Math.abs(Number.parseInt(text, 10)) === Math.abs(value) && !/e/i.test(text);
  return value * (beyond ? 1 + Number.EPSILON : 1 - Number.EPSILON / 2);
}

/** Whether a JSON number is mathematically whole: no digit other than 0 stands behind its decimal point once the exponent is applied. */
function isWhole(text: string): boolean {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = `${whole}${fraction}`;
  const significant = digits.replace(/0+$/, '');
  return significant === '' || significant.length - whole.length <= Number(exponent);
}
