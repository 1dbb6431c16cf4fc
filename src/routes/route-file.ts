import Type from 'typebox';

/** The shape of a route file. What is in it is checked against the rest of the bus by `check.ts` and by the plan. */

const closed = { additionalProperties: false } as const;

const When = Type.String({
  minLength: 1,
  'x-expected': 'a predicate, such as data.total > 0',
  description: 'A CEL predicate over `data`, `meta` and `vars`.',
});

const Destination = Type.Object(
  {
    service: Type.Optional(Type.String({ description: 'The service that gets the message.' })),
    publish: Type.Optional(
      Type.String({
        'x-expected': 'a type with its major version, such as shop.order.placed@1',
        description: 'The type as which the message goes back on the bus, for every route from it.',
      }),
    ),
    when: Type.Optional(When),
  },
  {
    ...closed,
    'x-expected': 'a destination: { service } or { publish }, perhaps with its own `when`',
    description: 'One of `service` and `publish`, perhaps with its own `when`.',
  },
);

const ErrorDestination = Type.Object(
  {
    ...Destination.properties,
    route: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Under `onError`: the route that gets the message, alone. It has to take its type.',
      }),
    ),
    ignore: Type.Optional(
      Type.Literal(true, {
        'x-expected': 'true',
        description: 'Under `onError`: the message goes nowhere, which is counted.',
      }),
    ),
  },
  {
    ...closed,
    'x-expected': 'a destination: { service }, { publish }, { route } or { ignore: true }, perhaps with its own `when`',
    description: 'One of `service`, `publish`, `route` and `ignore`, perhaps with its own `when`.',
  },
);

const ServiceName = Type.String({ minLength: 1, description: 'The name of a service.' });

const to = (description: string) =>
  Type.Union([ServiceName, Destination, Type.Array(Type.Union([ServiceName, Destination]), { minItems: 1 })], {
    'x-expected': "a service's name, { service }, { publish: type@1 }, or a list of those",
    description,
  });

const Step = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  minProperties: 1,
  maxProperties: 1,
  'x-expected': 'one step: the name of a mediator and its options, such as filter: data.total > 0',
  description: 'The name of a mediator and its options.',
});

const Schedule = Type.Object(
  {
    schedule: Type.String({
      minLength: 1,
      description:
        'When it begins, as in cron: minute, hour, day of month, month, day of week, perhaps with seconds before them.',
      examples: ['0 6 * * 1-5'],
    }),
    zone: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The time zone of the schedule, such as Europe/Berlin. Without it UTC.',
      }),
    ),
    as: Type.String({
      'x-expected': 'a type with its major version, such as billing.run.due@1',
      description: 'The type of the message that each tick makes, for this route alone.',
    }),
    data: Type.Optional(
      Type.Unknown({
        description:
          'Its data: a mapping as in `map`, over `meta` (`meta.time` is the tick) and tables. Without it `{}`.',
      }),
    ),
    missed: Type.Optional(
      Type.Unsafe<'once' | 'all' | 'skip'>({
        type: 'string',
        enum: ['once', 'all', 'skip'],
        description:
          'What becomes of ticks at which no router ran. `once`, as without it: one message, for the last of them. `all`: one for each, at most the last 1,000. `skip`: none, unless it is less than a minute late.',
      }),
    ),
  },
  { ...closed, 'x-expected': '{ schedule, as }, perhaps with zone, data and missed', description: 'A schedule.' },
);

const Branch = Type.Object(
  {
    when: Type.Optional(When),
    to: Type.Optional(to('Where the message goes when this is the first branch whose `when` holds.')),
    otherwise: Type.Optional(to('In the last branch, instead of both: where the message goes when no `when` held.')),
  },
  { ...closed, 'x-expected': '{ when, to }, or { otherwise } in the last place', description: 'One branch.' },
);

export const Route = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[a-z][a-z0-9-]{0,62}$',
        'x-expected': 'a name of lower-case letters, digits and hyphens that begins with a letter',
        description: "Its name, unique on the bus. Without it the file's; needed in a list of several.",
      }),
    ),
    describe: Type.Optional(Type.String({ description: 'What it is for, for people.' })),
    enabled: Type.Boolean({ default: true, description: '`false`: it is checked, but takes nothing.' }),
    isolate: Type.Boolean({
      default: false,
      description: '`true`: it has an endpoint of its own, so that what is slow in it holds up nobody else.',
    }),
    from: Type.Union(
      [Type.String({ description: 'One type.' }), Type.Array(Type.String(), { minItems: 1 }), Schedule],
      {
        'x-expected':
          'a type with its major version, a pattern such as shop.order.*@1, a list of those, or { schedule, as }',
        description:
          'The types that it takes. A `*` stands for one word: `shop.order.*@1`. Or `{ schedule, as }`: it begins by itself, at times.',
      },
    ),
    when: Type.Optional(When),
    steps: Type.Array(Step, { default: [], description: 'What is done to the message, in order.' }),
    to: Type.Optional(to('Where the message goes: every destination whose `when` holds.')),
    choose: Type.Optional(
      Type.Array(Branch, {
        minItems: 1,
        description: 'Instead of `to`: branches, of which the first whose `when` holds is taken.',
      }),
    ),
    onError: Type.Optional(
      Type.Union(
        [ServiceName, ErrorDestination, Type.Array(Type.Union([ServiceName, ErrorDestination]), { minItems: 1 })],
        {
          'x-expected':
            "a service's name, { service }, { publish: type@1 }, { route: name }, { ignore: true }, or a list of those",
          description:
            'Where the message goes, as it came, when the route fails on it in a way that cannot heal: to a service, onto the bus, to another route, or nowhere. Else it is a dead letter.',
        },
      ),
    ),
  },
  { ...closed, 'x-expected': 'a route', description: 'A declared path of messages.' },
);

export const RouteFile = Type.Union([Route, Type.Array(Route, { minItems: 1 })], {
  'x-expected': 'a route, or a list of routes',
  description: 'One route, or a list of them.',
});

export type Route = Type.Static<typeof Route>;
