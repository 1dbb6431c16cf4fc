import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { CompiledExpression, CopyTarget, Mediator, Path, StepExit, StepScope } from '../ports/mediator.ts';

const Name = Type.String({ minLength: 1, description: 'The name of a service.' });
const When = Type.String({ minLength: 1, description: 'A CEL predicate; without it every message is copied.' });
const Published = Type.String({
  minLength: 1,
  description: 'The type as which the copy is put on the bus, for every route from it: that of the message here.',
});
const Destination = Type.Object(
  { service: Type.Optional(Name), publish: Type.Optional(Published), when: Type.Optional(When) },
  { additionalProperties: false, description: 'One of `service` and `publish`, perhaps with its own `when`.' },
);
const WiretapOptions = Type.Object(
  {
    to: Type.Optional(
      Type.Union([Name, Destination, Type.Array(Type.Union([Name, Destination]), { minItems: 1 })], {
        description: 'Where the copy goes: a service, `{ service }`, `{ publish: type@1 }`, or a list of those.',
      }),
    ),
    publish: Type.Optional(Published),
    when: Type.Optional(When),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** Somewhere to send a copy, and when. */
interface Tap {
  readonly exit: StepExit;
  readonly when: CompiledExpression | undefined;
}

type Written = string | Static<typeof Destination>;

/** `wiretap: { to: audit }`, or `wiretap: { publish: shop.order.placed@1, when: data.total > 1000 }` */
export const wiretap: Mediator = {
  name: 'wiretap',
  describe: 'Sends a copy of the message, as it is here, somewhere else; the message itself goes on as if it had not.',
  options: WiretapOptions,
  prepare(options, scope) {
    if (!Value.Check(WiretapOptions, options)) return undefined;
    const { to, publish } = options;
    if (to === undefined && publish === undefined) {
      scope.fault([], {
        code: 'WB_MEDIATOR_OPTION',
        message: 'wiretap: it does not say where the copy goes',
        fix: 'write to: <service>, or publish: <type@1>',
      });
      return undefined;
    }
    const when = options.when === undefined ? undefined : scope.expression(options.when, ['when'], 'predicate');
    const places = [...placesOf(to), ...(publish === undefined ? [] : [[{ publish }, ['publish']] as const])];
    const taps = places.map(([written, at]) => tapOf(written, at, scope));
    const known = taps.filter((tap) => tap !== undefined);
    if (known.length < taps.length || (options.when !== undefined && when === undefined)) return undefined;
    return {
      run: (message) => {
        if (when !== undefined && when.evaluate(message) !== true) return message;
        const wanted = known.filter((tap) => tap.when === undefined || tap.when.evaluate(message) === true);
        return wanted.length === 0 ? message : message.with({ copies: wanted.map(({ exit }) => exit) });
      },
    };
  },
};

function placesOf(to: Written | readonly Written[] | undefined): readonly (readonly [Written, Path])[] {
  if (to === undefined) return [];
  if (typeof to === 'string' || !isList(to)) return [[to, ['to']]];
  return to.map((written, index) => [written, ['to', index]] as const);
}

function tapOf(written: Written, at: Path, scope: StepScope): Tap | undefined {
  const target = targetOf(written, at, scope);
  if (target === undefined) return undefined;
  const source = typeof written === 'string' ? undefined : written.when;
  const when = source === undefined ? undefined : scope.expression(source, [...at, 'when'], 'predicate');
  const exit = scope.copies(target, at);
  return exit === undefined || (source !== undefined && when === undefined) ? undefined : { exit, when };
}

function targetOf(written: Written, at: Path, scope: StepScope): CopyTarget | undefined {
  if (typeof written === 'string') return { service: written };
  const { service, publish } = written;
  if (service !== undefined && publish === undefined) return { service };
  if (publish !== undefined && service === undefined) return { publish };
  const what = service === undefined ? 'neither service nor publish' : 'both service and publish';
  scope.fault(at, {
    code: 'WB_MEDIATOR_OPTION',
    message: `wiretap: the destination has ${what}`,
    fix: 'write one of them; several destinations are a list',
  });
  return undefined;
}

/** `Array.isArray` does not know read-only lists. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
