import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import { type Envelope, headerNameFault } from '../message.ts';
import type {
  CompiledExpression,
  Mediator,
  Path,
  RouteMessage,
  RouteMessageChange,
  StepScope,
} from '../ports/mediator.ts';
import { checkVariableName } from './variable-name.ts';

const Leaf = Type.Union([Type.String({ minLength: 1 }), Type.Number(), Type.Boolean()], {
  description: 'A string is CEL; a number, true or false is itself.',
});
const SetOptions = Type.Object(
  {
    data: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        minProperties: 1,
        description: 'Fields of the data to replace, as in a mapping; the others stay. The contract stays the same.',
      }),
    ),
    vars: Type.Optional(
      Type.Record(Type.String(), Leaf, {
        minProperties: 1,
        description: 'Values that later steps read as `vars.<name>`.',
      }),
    ),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.Union([Leaf, Type.Null()]), {
        minProperties: 1,
        description: 'Extension attributes of the envelope; null, or an absent value, removes one.',
      }),
    ),
    subject: Type.Optional(Type.String({ minLength: 1, description: 'CEL; an absent value removes the subject.' })),
    key: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'CEL; goes before `x-key` of the contract, until a later step makes new data.',
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);

/** Makes one part of the change. */
type Setter = (message: RouteMessage) => RouteMessageChange;

/** `set: { headers: { region: data.shipTo.country }, key: data.customerId }` */
export const set: Mediator = {
  name: 'set',
  describe: 'Changes fields of the data, adds variables, and sets headers, subject and key.',
  options: SetOptions,
  prepare(options, scope) {
    if (!Value.Check(SetOptions, options)) return undefined;
    const setters = [
      dataSetter(options.data, scope),
      envelopeSetter(options, scope),
      keySetter(options.key, scope),
      varsSetter(options.vars, scope),
    ].filter((setter) => setter !== undefined);
    // Every part sees the message as it came to the step, whatever the order they are written in.
    return {
      run: (message) =>
        message.with(setters.reduce<RouteMessageChange>((change, make) => ({ ...change, ...make(message) }), {})),
    };
  },
};

function dataSetter(fields: Static<typeof SetOptions>['data'], scope: StepScope): Setter | undefined {
  if (fields === undefined) return undefined;
  const mapping = scope.mapping(fields, ['data'], scope.type, 'fields');
  if (mapping === undefined) return undefined;
  return (message) => {
    const changed = mapping.evaluate(message);
    if (!isObject(message.data) || !isObject(changed)) {
      throw new WaybillError('WB_CONTRACT_VIOLATED', 'the data is not an object, so it has no fields to set');
    }
    return { data: { ...message.data, ...changed } };
  };
}

function varsSetter(vars: Static<typeof SetOptions>['vars'], scope: StepScope): Setter | undefined {
  if (vars === undefined) return undefined;
  const leaves = Object.entries(vars).map(([name, leaf]) => {
    checkVariableName('set', name, ['vars', name], scope);
    return { name, value: compileLeaf(leaf, ['vars', name], scope) };
  });
  // Only now: the variables of one step do not see each other.
  for (const { name, value } of leaves) if (value !== undefined) scope.adds(name, value);
  return (message) => {
    const added: Record<string, unknown> = { ...message.vars };
    for (const { name, value } of leaves) added[name] = value?.evaluate(message);
    return { vars: added };
  };
}

function envelopeSetter(options: Static<typeof SetOptions>, scope: StepScope): Setter | undefined {
  if (options.headers === undefined && options.subject === undefined) return undefined;
  const headers = Object.entries(options.headers ?? {}).map(([name, leaf]) => {
    const wrong = headerNameFault(name);
    if (wrong !== undefined) scope.fault(['headers', name], { code: 'WB_MEDIATOR_OPTION', message: `set: ${wrong}` });
    return { name, value: leaf === null ? undefined : compileLeaf(leaf, ['headers', name], scope) };
  });
  const { subject } = options;
  const compiledSubject = subject === undefined ? undefined : scope.expression(subject, ['subject'], 'value');
  return (message) => {
    let envelope = message.envelope;
    if (headers.length > 0) {
      const named: Record<string, string> = { ...envelope.headers };
      for (const { name, value } of headers) assign(named, name, textOf(value?.evaluate(message), `headers.${name}`));
      envelope = { ...envelope, headers: named };
    }
    return {
      envelope: compiledSubject === undefined ? envelope : withSubject(envelope, compiledSubject.evaluate(message)),
    };
  };
}

function withSubject(envelope: Envelope, value: unknown): Envelope {
  const subject = textOf(value, 'subject');
  if (subject !== undefined) return { ...envelope, subject };
  const { subject: _removed, ...rest } = envelope;
  return rest;
}

function keySetter(source: string | undefined, scope: StepScope): Setter | undefined {
  if (source === undefined) return undefined;
  const expression = scope.expression(source, ['key'], 'value');
  if (expression === undefined) return undefined;
  return (message) => {
    const key = textOf(expression.evaluate(message), 'key');
    if (key === undefined || key === '') {
      throw new WaybillError('WB_MESSAGE_INVALID', `key: ${source} gives no key`, {
        fix: 'give another value with orValue(), or leave the key as it is',
      });
    }
    return { key };
  };
}

function compileLeaf(leaf: string | number | boolean, at: Path, scope: StepScope): CompiledExpression | undefined {
  return scope.expression(typeof leaf === 'string' ? leaf : JSON.stringify(leaf), at, 'value');
}

/** The text of an attribute; undefined for what is absent. */
function textOf(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (value instanceof ExactNumber) return value.text;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new WaybillError('WB_MESSAGE_INVALID', `${what} must be text, a number or a boolean, and is ${kindOf(value)}`, {
    fix: 'use text() or a field of it',
  });
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : typeof value;
}

function assign(record: Record<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(record, name);
  else record[name] = value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
