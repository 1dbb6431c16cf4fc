import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { Mediator, Moment, RouteMessage, StatefulStep, StepScope, Transition } from '../ports/mediator.ts';
import { bytes, duration } from './amount.ts';
import { CLAIM_SAMPLE, CLAIMS, type Claim, claimFor, isHeld, readClaim } from './claim.ts';
import { changeField, checkNoKey, FIELD_PATH, fieldOf, type NamedField } from './fields.ts';
import { messageIdentity } from './state-key.ts';
import { checkVariableName } from './variable-name.ts';

const OVER = bytes({
  least: '1KiB',
  most: '14MiB',
  default: '64KiB',
  description: 'With `field`: what is no larger as JSON stays where it is.',
});
const KEEP = duration({
  least: '1m',
  most: '3650d',
  default: '30d',
  description: 'How long it can be fetched, counted from when it was last put away.',
});
/** A state holds 15 MiB, and the claim a little beside the value. @unit bytes */
const MOST = 15 * 1024 * 1024 - 4096;

const Fetch = Type.Object(
  {
    field: Type.Optional(Type.String({ description: 'A field in which a claim may stand: it is put back there.' })),
    claim: Type.Optional(Type.String({ minLength: 1, description: 'Instead: CEL that gives a claim.' })),
    as: Type.Optional(Type.String({ minLength: 1, description: 'With `claim`: later steps read it as `vars.<as>`.' })),
    type: Type.Optional(Type.String({ description: 'With `claim`: the contract that it has to keep, `type@1`.' })),
  },
  { additionalProperties: false, description: 'Brings back what a claim stands for.' },
);
const ClaimCheckOptions = Type.Object(
  {
    field: Type.Optional(Type.String({ description: `Puts a field away. ${FIELD_PATH}` })),
    as: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Puts all of the data away: later steps read the claim as `vars.<as>`.',
      }),
    ),
    over: Type.Optional(OVER.schema),
    keep: Type.Optional(KEEP.schema),
    fetch: Type.Optional(Fetch),
  },
  { additionalProperties: false, minProperties: 1 },
);
type Options = Static<typeof ClaimCheckOptions>;

/** `claim-check: { field: document, over: 64KiB }`, and `claim-check: { fetch: { field: document } }` */
export const claimCheck: Mediator = {
  name: 'claim-check',
  describe:
    "Puts large data into the bus's store and a claim in its place, which is a short text; with `fetch` brings it back.",
  options: ClaimCheckOptions,
  runs: 'state',
  state: CLAIMS,
  prepare(options, scope) {
    if (!Value.Check(ClaimCheckOptions, options)) return undefined;
    const forms = (['field', 'as', 'fetch'] as const).filter((name) => options[name] !== undefined);
    if (forms.length !== 1) {
      refuse(scope, 'claim-check: one of field, as and fetch says what it does');
      return undefined;
    }
    if (options.fetch !== undefined) return fetching(options.fetch, scope);
    return options.as === undefined ? puttingField(options, scope) : puttingAll(options, options.as, scope);
  },
};

function puttingField(options: Options, scope: StepScope): StatefulStep | undefined {
  const named = claimable(options.field ?? '', ['field'], scope);
  const over = OVER.read(options.over, ['over'], scope);
  const keepMs = KEEP.read(options.keep, ['keep'], scope);
  if (named === undefined || over === undefined || keepMs === undefined) return undefined;
  const large = (message: RouteMessage): Put | undefined => {
    const value = valueAt(message.data, named);
    // What is a claim already stays one.
    if (value === undefined || readClaim(value) !== undefined) return undefined;
    const claim = claimFor(value);
    return claim.bytes > over ? { value, claim } : undefined;
  };
  return putting(large, keepMs, (message, { text }) =>
    message.with({ data: changeField(message.data, named.path, () => text) }),
  );
}

function puttingAll(options: Options, as: string, scope: StepScope): StatefulStep | undefined {
  if (options.over !== undefined) {
    refuse(scope, 'claim-check: over is for field: all of the data is put away whatever its size');
    return undefined;
  }
  checkVariableName('claim-check', as, ['as'], scope);
  const keepMs = KEEP.read(options.keep, ['keep'], scope);
  scope.adds(as, { plain: 'text' });
  if (keepMs === undefined) return undefined;
  return putting(
    ({ data }) => ({ value: data, claim: claimFor(data) }),
    keepMs,
    (message, { text }) => message.with({ vars: { ...message.vars, [as]: text } }),
  );
}

/** What is put away, and under which claim. */
interface Put {
  readonly value: unknown;
  readonly claim: Claim;
}

function putting(
  find: (message: RouteMessage) => Put | undefined,
  keepMs: number,
  replace: (message: RouteMessage, claim: Claim) => RouteMessage,
): StatefulStep {
  // Its key and the rest both need it, and hashing costs.
  const found = new WeakMap<RouteMessage, { readonly put: Put | undefined }>();
  const putOf = (message: RouteMessage): Put | undefined => {
    const known = found.get(message) ?? { put: find(message) };
    found.set(message, known);
    return known.put;
  };
  return {
    key: (message) => putOf(message)?.claim.key ?? nothing(message),
    advance(state, message, { nowMs }) {
      const put = putOf(message);
      if (put === undefined) return goOn(message);
      const { value, claim } = put;
      if (claim.bytes > MOST) {
        throw new WaybillError('WB_MESSAGE_TOO_LARGE', `what is put away has ${String(claim.bytes)} bytes, too many`);
      }
      // Written again although it is there: the delivery that wrote it may yet come to nothing.
      const untilMs = Math.max(nowMs + keepMs, isHeld(state) ? state.untilMs : 0);
      return { state: { value, untilMs }, forgetAtMs: untilMs, emits: [replace(message, claim)] };
    },
  };
}

function fetching(options: Static<typeof Fetch>, scope: StepScope): StatefulStep | undefined {
  const { field, claim, as, type } = options;
  if ((field === undefined) === (claim === undefined) || (claim === undefined) !== (as === undefined)) {
    refuse(scope, 'claim-check: fetch has either field, or claim and as');
    return undefined;
  }
  if (field !== undefined) {
    const named = singleField(field, ['fetch', 'field'], scope);
    if (named === undefined) return undefined;
    return bringing(
      (message) => readClaim(valueAt(message.data, named)),
      (message, value) => message.with({ data: changeField(message.data, named.path, () => value) }),
    );
  }
  return fetchingVariable({ claim: claim ?? '', as: as ?? '', type }, scope);
}

function fetchingVariable(
  { claim, as, type }: { readonly claim: string; readonly as: string; readonly type: string | undefined },
  scope: StepScope,
): StatefulStep | undefined {
  checkVariableName('claim-check', as, ['fetch', 'as'], scope);
  const expression = scope.expression(claim, ['fetch', 'claim'], 'scalar');
  const contract = type === undefined ? undefined : scope.contract(type, ['fetch', 'type']);
  if (expression === undefined || (type !== undefined && contract === undefined)) return undefined;
  scope.adds(as, type === undefined ? { plain: 'any' } : { type });
  return bringing(
    (message) => {
      const text = expression.evaluate(message);
      const found = readClaim(text);
      if (found !== undefined) return found;
      throw new WaybillError('WB_CLAIM_UNKNOWN', `${claim} is no claim`, {
        fix: 'Take it from what claim-check made.',
      });
    },
    (message, value) => {
      const violated = contract?.validate(value);
      if (violated !== undefined) throw violated;
      return message.with({ vars: { ...message.vars, [as]: value } });
    },
  );
}

function bringing(
  find: (message: RouteMessage) => Claim | undefined,
  replace: (message: RouteMessage, value: unknown) => RouteMessage,
): StatefulStep {
  return {
    key: (message) => find(message)?.key ?? nothing(message),
    advance(state: unknown, message: RouteMessage, _moment: Moment): Transition {
      const claim = find(message);
      if (claim === undefined) return goOn(message);
      if (isHeld(state)) return goOn(replace(message, state.value));
      throw new WaybillError('WB_CLAIM_UNKNOWN', `the store does not have ${claim.text} (any more)`, {
        fix: 'Publish the original again, and raise keep where it is put away.',
      });
    },
  };
}

/** A field that may hold a claim in place of its value. */
function claimable(text: string, at: readonly string[], scope: StepScope): NamedField | undefined {
  const named = singleField(text, at, scope);
  const contract = scope.contract(scope.type, []);
  if (named === undefined || contract === undefined) return undefined;
  if (!checkNoKey('claim-check', named, contract, at, scope)) return undefined;
  const expected = named.field.refuses(CLAIM_SAMPLE);
  if (expected === undefined) return named;
  scope.fault(at, {
    code: 'WB_MAPPING_TYPE',
    message: `claim-check: a claim is text, and ${contract.ref} expects ${expected} at ${text}`,
    fix: 'allow a text there too, or put all of the data away (as: ...) and map the claim into another type',
  });
  return undefined;
}

function singleField(text: string, at: readonly string[], scope: StepScope): NamedField | undefined {
  const contract = scope.contract(scope.type, []);
  const named = contract === undefined ? undefined : fieldOf('claim-check', text, contract, at, scope);
  if (named === undefined || !named.path.some((name) => name === '[]' || name === '*')) return named;
  scope.fault(at, {
    code: 'WB_MEDIATOR_OPTION',
    message: `claim-check: ${text} is several fields, and one is put away at a time`,
    fix: 'put away the list as a whole',
  });
  return undefined;
}

function valueAt(data: unknown, { path }: NamedField): unknown {
  return path.reduce<unknown>((node, name) => {
    return typeof node === 'object' && node !== null && Object.hasOwn(node, name) ? Reflect.get(node, name) : undefined;
  }, data);
}

function goOn(message: RouteMessage): Transition {
  return { state: undefined, unchanged: true, emits: [message] };
}

/** Of a message that has nothing to put away or to bring back: a state that there never is. */
function nothing(message: RouteMessage): string {
  return `nothing ${messageIdentity(message)}`;
}

function refuse(scope: StepScope, message: string): void {
  scope.fault([], { code: 'WB_MEDIATOR_OPTION', message });
}
