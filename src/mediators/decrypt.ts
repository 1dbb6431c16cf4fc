import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Mediator, Path, StepContract, StepScope } from '../ports/mediator.ts';
import { changeField, FIELD_PATH, fieldOf, type NamedField } from './fields.ts';
import { CONTEXT, compileContext, typeName, unseal } from './sealed.ts';

const FieldPathText = Type.String({ minLength: 1, description: FIELD_PATH });
const DecryptOptions = Type.Object(
  {
    fields: Type.Array(
      Type.Union([
        FieldPathText,
        Type.Object(
          {
            at: FieldPathText,
            was: Type.String({ minLength: 1, description: 'Where it stood when it was encrypted.' }),
          },
          { additionalProperties: false },
        ),
      ]),
      {
        minItems: 1,
        description: 'The fields to decrypt; `{ at, was }` for one that stood elsewhere when it was encrypted.',
      },
    ),
    keys: Type.String({ minLength: 1, description: 'The key ring, of `keys:` in waybill.yaml.' }),
    as: Type.Optional(
      Type.String({
        description: 'The type that the message had when they were encrypted, `type@1`. Without it the same as here.',
      }),
    ),
    context: Type.Optional(Type.String({ minLength: 1, description: CONTEXT })),
  },
  { additionalProperties: false },
);

interface SealedField extends NamedField {
  /** Where it stood, of where it stands. */
  readonly was: (place: string) => string;
}

/** `decrypt: { fields: [patient.name], keys: patients }` */
export const decrypt: Mediator = {
  name: 'decrypt',
  describe: 'Decrypts fields that an `encrypt` step encrypted, with whichever key of the ring they name.',
  options: DecryptOptions,
  // Keys are not of the plan.
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(DecryptOptions, options)) return undefined;
    const { fields, keys, as } = options;
    const contract = scope.contract(scope.type, []);
    if (as !== undefined && scope.contract(as, ['as']) === undefined) return undefined;
    const context = compileContext(options.context, ['context'], scope);
    const known = scope.keys(keys, ['keys']);
    if (contract === undefined || context === undefined || !known) return undefined;
    const sealed = fields.flatMap((each, i) => sealedField(each, contract, ['fields', i], scope) ?? []);
    const type = typeName(as ?? scope.type);
    return {
      perform: (message, { resources }) => {
        const ring = resources.keys(keys);
        const belongs = context(message);
        const data = sealed.reduce(
          (left, { path, was }) =>
            changeField(left, path, (value, place) =>
              unseal(value, keys, ring, { type, place: was(place), context: belongs }),
            ),
          message.data,
        );
        return Promise.resolve(data === message.data ? message : message.with({ data }));
      },
    };
  },
};

function sealedField(
  option: Static<typeof DecryptOptions>['fields'][number],
  contract: StepContract,
  at: Path,
  scope: StepScope,
): SealedField | undefined {
  if (typeof option === 'string') {
    const named = fieldOf('decrypt', option, contract, at, scope);
    return named && { ...named, was: (place) => place };
  }
  const named = fieldOf('decrypt', option.at, contract, [...at, 'at'], scope);
  if (named === undefined) return undefined;
  const { was } = option;
  if (count(was) !== count(option.at) || was.includes('*')) {
    scope.fault([...at, 'was'], {
      code: 'WB_MEDIATOR_OPTION',
      message: `decrypt: ${was} and ${option.at} are not in as many lists`,
      fix: 'decrypt before the step that moves it out of its list',
    });
    return undefined;
  }
  return { ...named, was: (place) => elsewhere(was, place) };
}

/** `items[].note`, `lines[2].remark` -> `items[2].note` */
function elsewhere(was: string, place: string): string {
  const indexes = place.match(/\[\d+\]/g) ?? [];
  let next = 0;
  return was.replaceAll('[]', () => indexes[next++] ?? '[]');
}

function count(path: string): number {
  return path.split('[]').length;
}
