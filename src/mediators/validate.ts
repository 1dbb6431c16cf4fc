import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { CompiledExpression, Mediator, Path, StepScope } from '../ports/mediator.ts';

const When = Type.String({
  minLength: 1,
  description: 'A CEL predicate that must hold. An absent field makes it false, so the rule is broken.',
});
const Message = Type.String({ minLength: 1, description: 'What is said when it does not hold. Plain text.' });
const Rule = Type.Object({ when: When, message: Message }, { additionalProperties: false });
const ValidateOptions = Type.Object(
  {
    against: Type.Optional(
      Type.String({
        description: 'The contract that the data must keep, `type@1`. Without it the one that the message has here.',
      }),
    ),
    when: Type.Optional(When),
    message: Type.Optional(Message),
    rules: Type.Optional(
      Type.Array(Rule, { minItems: 1, description: 'Several rules; all that are broken are told together.' }),
    ),
  },
  { additionalProperties: false },
);

interface Checked {
  readonly holds: CompiledExpression;
  readonly message: string;
}

/** `validate: { when: data.total > 0, message: an order costs something }` */
export const validate: Mediator = {
  name: 'validate',
  describe: 'Refuses a message that breaks a contract or a business rule, naming all that is wrong with it.',
  options: ValidateOptions,
  prepare(options, scope) {
    if (!Value.Check(ValidateOptions, options)) return undefined;
    const contract = scope.contract(options.against ?? scope.type, ['against']);
    const rules = rulesOf(options, scope).flatMap(([{ when, message }, at]): Checked[] => {
      const holds = scope.expression(when, [...at, 'when'], 'predicate');
      return holds === undefined ? [] : [{ holds, message }];
    });
    if (contract === undefined) return undefined;
    return {
      run: (message) => {
        // First, since rules may rely on what the contract says.
        const violated = contract.validate(message.data);
        if (violated !== undefined) throw violated;
        const broken = rules.filter(({ holds }) => holds.evaluate(message) !== true);
        if (broken.length > 0) throw new WaybillError('WB_RULE_BROKEN', broken.map((rule) => rule.message).join('\n'));
        return message;
      },
    };
  },
};

function rulesOf(
  { when, message, rules = [] }: Static<typeof ValidateOptions>,
  scope: StepScope,
): readonly (readonly [Static<typeof Rule>, Path])[] {
  const listed = rules.map((rule, index) => [rule, ['rules', index]] as const);
  if (when === undefined && message === undefined) return listed;
  if (when !== undefined && message !== undefined) return [[{ when, message }, []], ...listed];
  const [given, missing] = when === undefined ? ['message', 'when'] : ['when', 'message'];
  scope.fault([given], { code: 'WB_MEDIATOR_OPTION', message: `validate: ${given} stands here without ${missing}` });
  return listed;
}
