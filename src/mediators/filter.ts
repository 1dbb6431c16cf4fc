import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator } from '../ports/mediator.ts';

const Predicate = Type.String({
  minLength: 1,
  description: 'A CEL predicate; messages for which it is false end here.',
});
const FilterOptions = Type.Union([Predicate, Type.Object({ when: Predicate }, { additionalProperties: false })]);

/** `filter: data.total > 0`, or `filter: { when: data.total > 0 }` */
export const filter: Mediator = {
  name: 'filter',
  describe: 'Lets a message go on only when its predicate is true.',
  options: FilterOptions,
  prepare(options, scope) {
    if (!Value.Check(FilterOptions, options)) return undefined;
    const [source, at] = typeof options === 'string' ? [options, []] : [options.when, ['when']];
    const predicate = scope.expression(source, at, 'predicate');
    if (predicate === undefined) return undefined;
    return { run: (message) => (predicate.evaluate(message) === true ? message : undefined) };
  },
};
