import { WaybillError } from '../errors.ts';
import type { CompiledExpression, RouteMessage, StepContract, StepScope, StepSource } from '../ports/mediator.ts';
import type { Answer } from '../ports/resources.ts';
import { checkVariableName } from './variable-name.ts';

/** What steps that ask have in their options. */
export interface AskingOptions {
  readonly source: string;
  /** CEL. */
  readonly key?: string;
}

/** A source as a step asks it. */
export interface Asked {
  readonly name: string;
  readonly source: StepSource;
  readonly response: StepContract;
  /** What a message is asked for; undefined where the address has no place for it. */
  readonly keyOf: (message: RouteMessage) => string | undefined;
}

/** The source of a step, its key and the contract of its answers; undefined after a fault. */
export function askedSource({ source: name, key }: AskingOptions, scope: StepScope): Asked | undefined {
  const source = scope.source(name, ['source']);
  const response = source && scope.contract(source.response, ['source']);
  const expression = key === undefined ? undefined : scope.expression(key, ['key'], 'scalar');
  if (source === undefined || response === undefined || (key !== undefined && expression === undefined))
    return undefined;
  checkKey(name, source, expression, scope);
  return {
    name,
    source,
    response,
    keyOf: (message) => (expression === undefined ? undefined : String(expression.evaluate(message))),
  };
}

function checkKey(
  name: string,
  { byKey, table }: StepSource,
  key: CompiledExpression | undefined,
  scope: StepScope,
): void {
  if (byKey === (key !== undefined)) return;
  const fault = byKey
    ? {
        message: `${table === undefined ? `the address of the source ${name} has a {key}` : `the table ${name} is asked by a key`}, and there is no key here`,
        fix: 'add key: with what to ask for',
      }
    : {
        message: `the address of the source ${name} has no {key}, so the key would go nowhere`,
        fix: 'write {key} where it goes, or leave key: out',
      };
  scope.fault(byKey ? [] : ['key'], { code: 'WB_SOURCE_KIND', ...fault });
}

/** From here on the answer is `vars.<as>`. @param mediator the name of the step */
export function addAnswer(mediator: string, as: string, { source }: Asked, scope: StepScope): void {
  checkVariableName(mediator, as, ['as'], scope);
  scope.adds(as, { type: source.response }, source.mayBeAbsent);
}

/** The message with an answer at hand; without what an earlier step may have left there where there is none. */
export function withAnswer(message: RouteMessage, as: string, data: unknown): RouteMessage {
  const { [as]: _, ...others } = message.vars;
  return message.with({ vars: data === undefined ? others : { ...others, [as]: data } });
}

/** @throws WB_SOURCE_ANSWER when it does not keep the contract */
export function dataOf({ name, response }: Asked, answer: Answer): unknown {
  if (answer === undefined) return undefined;
  const violation = response.validate(answer.data);
  if (violation === undefined) return answer.data;
  const what = `what the source ${name} answered is no ${response.ref}: ${violation.message}`;
  throw new WaybillError('WB_SOURCE_ANSWER', what, { fix: 'Mend the source, or its contract.' });
}
