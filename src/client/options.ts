import { WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';

/** The names of all options, so that the compiler notices a missing one. */
export type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

/**
 * Refuses options that there are not: services in plain JavaScript have no compiler that does it, and a misspelt option would be a
 * default without a word.
 * @param call how the call is written, for the message
 * @throws WB_OPTION_INVALID
 */
export function checkOptions<Options extends object>(call: string, given: Options, names: Names<Options>): void {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(names, name)) continue;
    const known = Object.keys(names);
    throw new WaybillError('WB_OPTION_INVALID', `${call}: ${name} is not an option`, {
      fix: didYouMean(name, known) ?? `There are ${known.join(', ')}.`,
    });
  }
}
