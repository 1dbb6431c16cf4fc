import type { PartDefinition } from '../config/definition.ts';
import { comparePlaces, type Fault } from '../errors.ts';
import { type CompiledPlan, type CompileOptions, compilePlan } from './compile.ts';
import { locateFile } from './faults.ts';
import { locateAmong, mergeParts } from './parts.ts';

/**
 * Checks the parts of a bus as a whole, and compiles them to one plan. Never throws: what is wrong is in `faults`, what two parts
 * claim as well as what no longer fits together.
 * @param own whose files are shown as they are; those of others as `<part>:<file>`
 * @param options.locate finds places in the files of the own part
 */
export function compileParts(
  parts: readonly PartDefinition[],
  own: string | undefined,
  options: CompileOptions = {},
): CompiledPlan {
  const locate = locateAmong(parts, own, options.locate ?? locateFile);
  const { definition, faults: conflicts } = mergeParts(parts, own);
  const compiled = compilePlan(definition, { ...options, locate });
  if (conflicts.length === 0) return compiled;
  const faults: readonly Fault[] = conflicts.map(({ file, path, code, message, fix }) => {
    const at = locate(file, path, { key: true });
    return { code, message, at, ...(fix !== undefined && { fix }) };
  });
  const all = [...faults, ...compiled.faults].sort((a, b) => comparePlaces(a.at, b.at));
  return { contracts: compiled.contracts, faults: all, warnings: compiled.warnings };
}
