import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator } from '../ports/mediator.ts';
import { askedSource, dataOf } from './answered.ts';
import { checkVariableName } from './variable-name.ts';

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
  describe: 'Looks something up, and has it at hand in later steps. The data stays as it is.',
  options: EnrichOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(EnrichOptions, options)) return undefined;
    const { key, as } = options;
    const asked = askedSource(options.source, ['source'], scope);
    const expression = key === undefined ? undefined : scope.expression(key, ['key'], 'scalar');
    if (asked === undefined || (key !== undefined && expression === undefined)) return undefined;
    const { name, source } = asked;
    if (source.method !== 'GET') {
      scope.fault(['source'], {
        code: 'WB_SOURCE_KIND',
        message: `enrich only looks things up, and the source ${name} is asked by ${source.method}`,
        fix: 'use call for what changes something',
      });
    }
    if (source.byKey !== (expression !== undefined)) {
      scope.fault(source.byKey ? [] : ['key'], {
        code: 'WB_SOURCE_KIND',
        message: source.byKey
          ? `the address of the source ${name} has a {key}, and there is no key here`
          : `the address of the source ${name} has no {key}, so the key would go nowhere`,
        fix: source.byKey ? 'add key: with what to ask for' : 'write {key} where it goes, or leave key: out',
      });
    }
    checkVariableName('enrich', as, ['as'], scope);
    scope.adds(as, { type: source.response }, source.mayBeAbsent);
    return {
      perform: async (message, { resources, signal }) => {
        const accepts = (data: unknown): boolean => asked.response.validate(data) === undefined;
        const question =
          expression === undefined ? { accepts } : { accepts, key: String(expression.evaluate(message)) };
        const data = dataOf(asked, await resources.ask(name, question, signal));
        const { [as]: _, ...others } = message.vars;
        return message.with({ vars: data === undefined ? others : { ...others, [as]: data } });
      },
    };
  },
};
