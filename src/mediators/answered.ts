import { WaybillError } from '../errors.ts';
import type { Path, StepContract, StepScope, StepSource } from '../ports/mediator.ts';
import type { Answer } from '../ports/resources.ts';

export interface Asked {
  readonly name: string;
  readonly source: StepSource;
  readonly response: StepContract;
}

/** The source of a step and the contract of its answers; undefined after a fault. */
export function askedSource(name: string, at: Path, scope: StepScope): Asked | undefined {
  const source = scope.source(name, at);
  const response = source && scope.contract(source.response, at);
  return source && response && { name, source, response };
}

/** @throws WB_SOURCE_ANSWER when it does not keep the contract */
export function dataOf({ name, response }: Asked, answer: Answer): unknown {
  if (answer === undefined) return undefined;
  const violation = response.validate(answer.data);
  if (violation === undefined) return answer.data;
  throw new WaybillError(
    'WB_SOURCE_ANSWER',
    `what the source ${name} answered is no ${response.ref}: ${violation.message}`,
    {
      fix: 'Mend the source, or its contract.',
    },
  );
}
