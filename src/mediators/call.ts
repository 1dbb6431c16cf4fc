import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { encodeJson } from '../json.ts';
import type { CompiledExpression, Mediator, StepScope } from '../ports/mediator.ts';
import { addAnswer, askedSource, dataOf, withAnswer } from './answered.ts';

const CallOptions = Type.Object(
  {
    source: Type.String({ minLength: 1, description: 'The source to call, of `sources:` in waybill.yaml.' }),
    key: Type.Optional(
      Type.String({
        description: 'CEL: what it is about. It takes the place of `{key}` in the address of the source.',
      }),
    ),
    set: Type.Optional(
      Type.Unknown({
        description:
          'A mapping to the `request` of the source, as in `map`. Without it the data is sent as it is, which then has to be of that type.',
      }),
    ),
    as: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The answer is `vars.<as>` from here on. Without it only its contract is checked.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** `call: { source: payments, set: { order: data.id, amount: data.total }, as: payment }` */
export const call: Mediator = {
  name: 'call',
  describe:
    'Sends something to a source, such as POST to a system that has no place on the bus. It is sent again after a failure or a crash, with the same `Idempotency-Key`.',
  options: CallOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(CallOptions, options)) return undefined;
    const { set, as } = options;
    const asked = askedSource(options, scope);
    if (asked === undefined) return undefined;
    const { name, source, keyOf } = asked;
    if (source.table !== undefined) {
      scope.fault(['source'], {
        code: 'WB_SOURCE_KIND',
        message: `call sends something, and the source ${name} is a table`,
        fix: 'use enrich to look something up',
      });
      return undefined;
    }
    const body = bodyOf(name, set, source.method, source.request, scope);
    if (as !== undefined) addAnswer('call', as, asked, scope);
    if (body === 'fault') return undefined;
    return {
      perform: async (message, { resources, signal, id }) => {
        const key = keyOf(message);
        const sends = body && encodeJson(body === 'data' ? message.data : body.evaluate(message));
        const question = { id, ...(key !== undefined && { key }), ...(sends !== undefined && { body: sends }) };
        const data = dataOf(asked, await resources.ask(name, question, signal));
        return as === undefined ? message : withAnswer(message, as, data);
      },
    };
  },
};

/** What is sent: a mapping, the data as it is, or nothing. */
function bodyOf(
  name: string,
  set: unknown,
  method: string,
  request: string | undefined,
  scope: StepScope,
): CompiledExpression | 'data' | 'fault' | undefined {
  const sends = method !== 'GET' && method !== 'DELETE';
  const wrong = (at: readonly string[], message: string, fix: string): 'fault' => {
    scope.fault(at, { code: 'WB_SOURCE_KIND', message, fix });
    return 'fault';
  };
  if (!sends)
    return set === undefined
      ? undefined
      : wrong(['set'], `${method} sends nothing, so there is nothing to set`, 'leave set: out');
  if (request === undefined)
    return wrong(
      ['source'],
      `the source ${name} does not say what is sent to it`,
      `add sources: ${name}: request: <type>`,
    );
  if (set !== undefined) return scope.mapping(set, ['set'], request) ?? 'fault';
  if (scope.type === request) return 'data';
  return wrong(
    ['source'],
    `the source ${name} takes ${request}, and the data is ${scope.type} here`,
    'add set: with a mapping to it',
  );
}
