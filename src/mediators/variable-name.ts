import type { Path, StepScope } from '../ports/mediator.ts';

/** A fault when `name` cannot be that of a variable. @param mediator the name of the step */
export function checkVariableName(mediator: string, name: string, at: Path, scope: StepScope): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return;
  scope.fault(at, {
    code: 'WB_MEDIATOR_OPTION',
    message: `${mediator}: ${JSON.stringify(name)} cannot be the name of a variable`,
    fix: 'use letters, digits and _, and begin with a letter',
  });
}
