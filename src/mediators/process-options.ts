import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox';
import { duration } from './amount.ts';

export const AFTER = duration({
  least: '1s',
  most: '365d',
  description: 'How long after the state was entered. Whoever enters it again waits anew.',
});
export const REMEMBER = duration({
  least: '1s',
  most: '365d',
  default: '7d',
  description: 'How long a process that ended is remembered, so that repeated and late messages are told.',
});

/** A map from names that people choose. */
function byName<S extends TSchema>(each: S, more: object) {
  return Type.Unsafe<Record<string, Static<S>>>({ type: 'object', additionalProperties: each, ...more });
}

const oneOrMore = <S extends TSchema>(each: S, more: TSchemaOptions) => Type.Union([each, Type.Array(each)], more);

const Sending = Type.Object(
  {
    service: Type.Optional(Type.String({ minLength: 1, description: 'The service that gets it.' })),
    type: Type.Optional(Type.String({ minLength: 1, description: 'Of what the service gets, with its version.' })),
    publish: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Instead of both: the type that is published for every route from it.',
      }),
    ),
    set: Type.Unknown({ description: 'A mapping to that type. Sees the process as it is by then.' }),
  },
  {
    additionalProperties: false,
    'x-expected': '{ service, type, set } or { publish, set }',
    description: 'One message.',
  },
);
export type Sending = Static<typeof Sending>;

const effects = {
  set: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), {
      description: 'Fields of what the process keeps, as in a mapping; the others stay.',
    }),
  ),
  to: Type.Optional(Type.String({ minLength: 1, description: 'The next state. Without it the state stays.' })),
  send: Type.Optional(oneOrMore(Sending, { description: 'What is sent.' })),
  undo: Type.Optional(
    oneOrMore(Sending, {
      description:
        'What would undo what has happened here. It is made now, kept, and sent when a `compensate` asks for it.',
    }),
  ),
  compensate: Type.Optional(
    Type.Boolean({ default: false, description: 'Sends all `undo` that is kept, the last first, before `send`.' }),
  ),
};

const Transition = Type.Object(
  {
    when: Type.Optional(
      Type.String({ minLength: 1, description: 'A CEL predicate. Of a list the first that holds is taken.' }),
    ),
    ...effects,
  },
  { additionalProperties: false, description: 'What a message does.' },
);
export type Transition = Static<typeof Transition>;

const Timeout = Type.Object(
  { after: AFTER.schema, ...effects },
  { additionalProperties: false, description: 'What happens when the state lasts too long.' },
);
export type Timeout = Static<typeof Timeout>;

const onTypes = (description: string) =>
  byName(oneOrMore(Transition, {}), { description, 'x-expected': 'transitions by type' });

const State = Type.Object(
  {
    on: Type.Optional(onTypes('Transitions by the type of the message.')),
    ignore: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), { description: 'Types that do nothing here, and are filtered out.' }),
    ),
    timeout: Type.Optional(Timeout),
    end: Type.Optional(Type.Boolean({ default: false, description: '`true`: the process ends here.' })),
  },
  { additionalProperties: false, description: 'A state.' },
);
export type State = Static<typeof State>;

const word = <const W extends readonly [string, string, ...string[]]>(
  words: W,
  fallback: string,
  description: string,
) =>
  Type.Optional(
    Type.Unsafe<W[number]>({ type: 'string', enum: words, description, ...(fallback !== '' && { default: fallback }) }),
  );

export const ProcessOptions = Type.Object(
  {
    by: Type.Optional(
      Type.Union([Type.String({ minLength: 1 }), byName(Type.String({ minLength: 1 }), {})], {
        'x-expected': 'CEL, or CEL by type',
        description:
          "CEL; messages of one value belong to one process. One for all types, or one for each. Without it the message's key.",
      }),
    ),
    keep: Type.String({
      minLength: 1,
      description:
        'The contract of what the process keeps, `type@1`. An older major is brought up by the casts of the contract.',
    }),
    as: Type.Optional(
      Type.String({
        minLength: 1,
        default: 'process',
        description: 'Expressions read what is kept as `vars.<as>`; those of a timeout also as `data`.',
      }),
    ),
    start: onTypes('What begins a process, by the type of the message. Has `set` with all that is kept, and `to`.'),
    states: byName(State, { minProperties: 1, description: 'The states by name.' }),
    otherwise: word(
      ['dead', 'ignore'],
      '',
      'What becomes of a message that its state says nothing of: a dead letter, `WB_PROCESS_UNHANDLED`, or filtered out. Without it every state has to say something of every type, and a message of which no `when` holds is a dead letter.',
    ),
    unknown: word(
      ['dead', 'ignore'],
      'dead',
      'What becomes of a message that begins nothing and belongs to no process: a dead letter, `WB_PROCESS_UNKNOWN`, or filtered out.',
    ),
    late: word(
      ['dead', 'ignore', 'new'],
      'dead',
      'What becomes of a message of a process that ended: a dead letter, `WB_PROCESS_ENDED`, or filtered out. `new`: what begins a process begins a new one, and others are dead letters.',
    ),
    remember: Type.Optional(REMEMBER.schema),
    renamed: Type.Optional(
      byName(Type.String({ minLength: 1 }), {
        'x-expected': 'new names of states by their old ones',
        description: 'For processes of an earlier form of the route: what its states are called now.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ProcessOptions = Static<typeof ProcessOptions>;

export function listOf<T>(given: T | readonly T[] | undefined): readonly T[] {
  if (given === undefined) return [];
  return isList(given) ? given : [given];
}

/** `Array.isArray` does not know read-only lists. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
