import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator } from '../ports/mediator.ts';
import { withAnswer } from './answered.ts';
import { askedService, askingService, askService, WAIT } from './asked-service.ts';
import { checkVariableName } from './variable-name.ts';

const InvokeOptions = Type.Object(
  {
    ...askingService,
    as: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The answer is `vars.<as>` from here on. Without it only its contract is checked.',
      }),
    ),
    timeout: Type.Optional(WAIT.schema),
  },
  { additionalProperties: false },
);

/** `invoke: { service: pricing, type: pricing.quote@1, set: { sku: data.sku }, as: quote }` */
export const invoke: Mediator = {
  name: 'invoke',
  describe:
    'Asks another service of the bus, and waits for its answer. It is asked again after a failure or a crash, under the same id.',
  options: InvokeOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(InvokeOptions, options)) return undefined;
    const { as } = options;
    const asked = askedService(options, [], scope);
    const timeoutMs = WAIT.read(options.timeout, ['timeout'], scope);
    if (as !== undefined) checkVariableName('invoke', as, ['as'], scope);
    if (asked === undefined || timeoutMs === undefined) return undefined;
    if (as !== undefined) scope.adds(as, { type: asked.answer.ref });
    return {
      perform: async (message, work) => {
        const data = await askService(asked, message, work, { timeoutMs });
        return as === undefined ? message : withAnswer(message, as, data);
      },
    };
  },
};
