import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { FieldPath, Mediator, Path, StepContract, StepScope } from '../ports/mediator.ts';
import { changeField, checkNoKey, FIELD_PATH, fieldOf, type NamedField } from './fields.ts';

const MASK = '***';

const Fields = (description: string) =>
  Type.Optional(Type.Array(Type.String({ description: FIELD_PATH }), { minItems: 1, description }));
const RedactOptions = Type.Object(
  {
    drop: Fields('Fields to leave out. One that the contract requires cannot be.'),
    mask: Fields('Fields to put `with` in place of.'),
    sensitive: Type.Optional(
      Type.Union([Type.Literal('drop'), Type.Literal('mask')], {
        description:
          'What to do with everything that the contract marks `x-sensitive`, and with what stands undeclared beside it.',
      }),
    ),
    with: Type.Optional(
      Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()], {
        default: MASK,
        description: 'What stands in place of a masked value. The contract must allow it there.',
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);
type RedactOptions = Static<typeof RedactOptions>;

type Redaction = (data: unknown) => unknown;

/** `redact: { drop: [customer.phone], mask: [customer.email], with: hidden@example.com }` */
export const redact: Mediator = {
  name: 'redact',
  describe:
    'Leaves fields of the data out, or masks them. The result still keeps the contract, which is checked before.',
  options: RedactOptions,
  prepare(options, scope) {
    if (!Value.Check(RedactOptions, options)) return undefined;
    const contract = scope.contract(scope.type, []);
    if (contract === undefined) return undefined;
    const { with: mask = MASK, drop = [], mask: masked = [], sensitive } = options;
    const redactions = [
      ...drop.map((text, i) => dropping(text, contract, ['drop', i], scope)),
      ...masked.map((text, i) => masking(text, mask, contract, ['mask', i], scope)),
      ...(sensitive === undefined ? [] : [ofSensitive(sensitive, mask, contract, scope)]),
    ].filter((redaction) => redaction !== undefined);
    if (redactions.length === 0 && 'with' in options) {
      scope.fault(['with'], {
        code: 'WB_MEDIATOR_OPTION',
        message: 'redact: `with` stands here, and nothing is masked',
        fix: 'name the fields under mask, or write sensitive: mask',
      });
    }
    return {
      run: (message) => {
        const before = message.data;
        const data = redactions.reduce((left, redaction) => redaction(left), before);
        return data === before ? message : message.with({ data });
      },
    };
  },
};

function dropping(text: string, contract: StepContract, at: Path, scope: StepScope): Redaction | undefined {
  const named = fieldOf('redact', text, contract, at, scope);
  if (named === undefined || !mayDrop(named, contract, at, scope)) return undefined;
  return (data) => changeField(data, named.path, () => undefined);
}

function mayDrop(named: NamedField, contract: StepContract, at: Path, scope: StepScope): boolean {
  if (!checkNoKey('redact', named, contract, at, scope)) return false;
  if (!named.field.required) return true;
  scope.fault(at, {
    code: 'WB_MAPPING_REQUIRED',
    message: `redact: ${contract.ref} requires ${named.text}, so it cannot be left out`,
    fix: 'mask it, or map to a contract where it is optional',
  });
  return false;
}

function masking(
  text: string,
  mask: unknown,
  contract: StepContract,
  at: Path,
  scope: StepScope,
): Redaction | undefined {
  const named = fieldOf('redact', text, contract, at, scope);
  if (named === undefined || !mayMask(named, mask, contract, at, scope)) return undefined;
  return (data) => changeField(data, named.path, () => mask);
}

function mayMask(named: NamedField, mask: unknown, contract: StepContract, at: Path, scope: StepScope): boolean {
  if (!checkNoKey('redact', named, contract, at, scope)) return false;
  const expected = named.field.refuses(mask);
  if (expected === undefined) return true;
  const shown = JSON.stringify(mask);
  scope.fault(at, {
    code: 'WB_MAPPING_TYPE',
    message: `redact: ${shown} cannot stand in place of ${named.text}: ${contract.ref} expects ${expected}`,
    fix: named.field.required ? 'give another value under `with`' : 'give another value under `with`, or drop it',
  });
  return false;
}

function ofSensitive(
  how: 'drop' | 'mask',
  mask: unknown,
  contract: StepContract,
  scope: StepScope,
): Redaction | undefined {
  const at = ['sensitive'];
  const paths = contract.sensitiveFields();
  if (paths.length === 0) {
    const message = `redact: ${contract.ref} marks nothing as sensitive`;
    scope.fault(at, { code: 'WB_MEDIATOR_OPTION', message, fix: 'add "x-sensitive": true to fields of it' });
    return undefined;
  }
  const allowed = paths.map((path) => {
    const field = contract.field(path);
    const named = field && { text: textOf(path), path, field };
    if (named === undefined) return true;
    return how === 'drop' ? mayDrop(named, contract, at, scope) : mayMask(named, mask, contract, at, scope);
  });
  if (allowed.includes(false)) return undefined;
  return (data) => contract.mask(data, how === 'drop' ? undefined : mask);
}

function textOf(path: FieldPath): string {
  return path.length === 0 ? 'the data' : path.join('.').replaceAll('.[]', '[]');
}
