import { didYouMean } from '../nearest.ts';
import { BusFile, OverrideFile } from './bus-file.ts';
import { record } from './explain.ts';
import type { ShapeProblem } from './shape-check.ts';

const ALLOWED = Object.keys(OverrideFile.properties);

/**
 * `waybill.yaml` as one environment's file changes it, option by option: a limit, an option of one source. Lists and texts are
 * replaced whole.
 */
export function override(base: unknown, changes: unknown): unknown {
  if (!isMapping(base) || !isMapping(changes)) return base;
  const allowed = Object.entries(changes).filter(([key]) => ALLOWED.includes(key));
  return merge(base, Object.fromEntries(allowed), 3);
}

function merge(base: unknown, changes: unknown, levels: number): unknown {
  if (levels === 0 || !isMapping(base) || !isMapping(changes)) return changes;
  const merged = Object.entries(changes).map(([key, change]) => [
    key,
    Object.hasOwn(base, key) ? merge(base[key], change, levels - 1) : change,
  ]);
  return { ...base, ...Object.fromEntries(merged) };
}

/** What an environment's file may not say. */
export function checkOverride(file: string, changes: unknown): ShapeProblem[] {
  if (!isMapping(changes)) {
    return [
      { path: [], key: false, message: `expected options such as ${ALLOWED.join(', ')}`, fix: 'Write a mapping.' },
    ];
  }
  return Object.keys(changes)
    .filter((key) => !ALLOWED.includes(key))
    .map((key) => {
      const of = Object.hasOwn(BusFile.properties, key)
        ? {
            message: `${key} is the same in every environment`,
            fix: `Keep it in waybill.yaml; ${file} overrides ${ALLOWED.join(', ')}.`,
          }
        : {
            message: `${key} is not an option`,
            fix: didYouMean(key, ALLOWED) ?? `Options here: ${ALLOWED.join(', ')}.`,
          };
      return { path: [key], key: true, ...of };
    });
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return record(value) === value && !Array.isArray(value);
}
