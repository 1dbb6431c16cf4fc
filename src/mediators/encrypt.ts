import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator, Path, StepContract, StepScope } from '../ports/mediator.ts';
import { changeField, checkNoKey, FIELD_PATH, fieldOf, type NamedField } from './fields.ts';
import { CONTEXT, compileContext, SAMPLE, seal, typeName } from './sealed.ts';

const EncryptOptions = Type.Object(
  {
    fields: Type.Array(Type.String({ description: FIELD_PATH }), {
      minItems: 1,
      description: 'The fields to encrypt, with all that is in them. The contract must allow a text there.',
    }),
    keys: Type.String({ minLength: 1, description: 'The key ring, of `keys:` in waybill.yaml.' }),
    context: Type.Optional(Type.String({ minLength: 1, description: CONTEXT })),
  },
  { additionalProperties: false },
);

/** `encrypt: { fields: [patient.name], keys: patients }` */
export const encrypt: Mediator = {
  name: 'encrypt',
  describe:
    'Encrypts fields of the data (AES-256-GCM) with the current key of a ring. A value opens only in its place of its message.',
  options: EncryptOptions,
  // Chance is in it, and keys are not of the plan.
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(EncryptOptions, options)) return undefined;
    const { fields, keys } = options;
    const contract = scope.contract(scope.type, []);
    const context = compileContext(options.context, ['context'], scope);
    const known = scope.keys(keys, ['keys']);
    if (contract === undefined || context === undefined || !known) return undefined;
    const named = fields.flatMap((text, i) => encryptable(text, contract, ['fields', i], scope) ?? []);
    const type = typeName(scope.type);
    return {
      perform: (message, { resources }) => {
        const ring = resources.keys(keys);
        const belongs = context(message);
        const data = named.reduce(
          (left, { path }) =>
            changeField(left, path, (value, place) => seal(value, ring, { type, place, context: belongs })),
          message.data,
        );
        return Promise.resolve(data === message.data ? message : message.with({ data }));
      },
    };
  },
};

function encryptable(text: string, contract: StepContract, at: Path, scope: StepScope): NamedField | undefined {
  const named = fieldOf('encrypt', text, contract, at, scope);
  if (named === undefined || !checkNoKey('encrypt', named, contract, at, scope)) return undefined;
  const expected = named.field.refuses(SAMPLE);
  if (expected === undefined) return named;
  scope.fault(at, {
    code: 'WB_MAPPING_TYPE',
    message: `encrypt: an encrypted value is text, and ${contract.ref} expects ${expected} at ${text}`,
    fix: 'map to a contract that allows any text there first',
  });
  return undefined;
}
