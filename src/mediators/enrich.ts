import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator } from '../ports/mediator.ts';
import { addAnswer, askedSource, dataOf, withAnswer } from './answered.ts';

const EnrichOptions = Type.Object(
  {
    source: Type.String({ minLength: 1, description: 'The source to ask, of `sources:` in waybill.yaml.' }),
    key: Type.Optional(
      Type.String({ description: 'CEL: what to ask for. It takes the place of `{key}` in the address of the source.' }),
    ),
    as: Type.String({
      minLength: 1,
      description:
        'The answer is `vars.<as>` from here on. Of a source that may say that there is no such thing it may be absent.',
    }),
  },
  { additionalProperties: false },
);

/** `enrich: { source: customers, key: data.customerId, as: customer }` */
export const enrich: Mediator = {
  name: 'enrich',
  describe:
    'Looks something up, and has it at hand in later steps. The data stays as it is. A table is in memory, so it asks nobody.',
  options: EnrichOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(EnrichOptions, options)) return undefined;
    const { as } = options;
    const asked = askedSource(options, scope);
    if (asked === undefined) return undefined;
    const { name, source, response, keyOf } = asked;
    if (source.method !== 'GET') {
      scope.fault(['source'], {
        code: 'WB_SOURCE_KIND',
        message: `enrich only looks things up, and the source ${name} is asked by ${source.method}`,
        fix: 'use call for what changes something',
      });
    }
    addAnswer('enrich', as, asked, scope);
    const { table } = source;
    if (table !== undefined)
      return { run: (message) => withAnswer(message, as, table.find(message, keyOf(message) ?? '')) };
    const accepts = (data: unknown): boolean => response.validate(data) === undefined;
    return {
      perform: async (message, { resources, signal }) => {
        const key = keyOf(message);
        const question = { accepts, ...(key !== undefined && { key }) };
        return withAnswer(message, as, dataOf(asked, await resources.ask(name, question, signal)));
      },
    };
  },
};
