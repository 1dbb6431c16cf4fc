import Type from 'typebox';
import { DEFAULT_JSON_LIMITS } from '../json.ts';
import { MAIN_PART } from './definition.ts';
import { EXPECTED_NAME, NAME, named, oneOf, options, quantity, typeReference } from './shape.ts';
import { Source } from './source-options.ts';

/** `waybill.yaml`: the one place where its options, their ranges and their defaults stand. */

const Retry = options(
  {
    immediate: Type.Integer({
      minimum: 0,
      maximum: 10,
      default: 1,
      description: 'Attempts at once, before the first delay. Of `attempts`, so never more than those.',
    }),
    attempts: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 5,
      description: 'Attempts in all, before the delivery is a dead letter.',
    }),
    delay: quantity('duration', {
      least: '1ms',
      most: '1d',
      default: '1s',
      description: 'Before the first delayed attempt. Jittered.',
    }),
    factor: Type.Number({ minimum: 1, maximum: 10, default: 2, description: 'Growth from one delay to the next.' }),
    max: quantity('duration', { least: '1ms', most: '1d', default: '60s', description: 'The longest delay.' }),
  },
  { default: {}, description: 'What happens to a delivery whose handler fails with an error that may heal.' },
);

const Service = options(
  {
    publishes: Type.Array(typeReference('A type that it may publish.'), {
      default: [],
      uniqueItems: true,
      description: 'The types that it may publish. Publishing any other is refused.',
    }),
    receives: Type.Array(typeReference('A type that it may receive.'), {
      default: [],
      uniqueItems: true,
      description: 'The types that it may get. It gets one only where a route sends it.',
    }),
    ordering: oneOf(['key', 'none'], {
      default: 'key',
      description:
        '`key` keeps the order of the messages of one key, through failures too: a failing delivery holds its key. With `none` a failing delivery lets others pass.',
    }),
    partitions: Type.Integer({
      minimum: 1,
      maximum: 64,
      default: 1,
      description: 'Parts of its endpoint that are worked on side by side. At most `slots`, where these are stated.',
    }),
    client: oneOf(['sdk', 'plain'], {
      default: 'sdk',
      description:
        '`plain` is a client without the SDK: it publishes at the gateway and gets single messages, never batches.',
    }),
    user: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        'x-expected': 'the name of a user of the broker',
        description:
          'Its login at the broker, by which the gateway and `waybill grants` know it. Without it the name of the service.',
      }),
    ),
    retry: Retry,
    hold: quantity('duration', {
      least: '0s',
      most: '10m',
      default: '60s',
      description:
        'How long a failing delivery may hold its key before it is a dead letter. Only with `ordering: key`; other keys go on meanwhile.',
    }),
    timeout: quantity('duration', {
      least: '1ms',
      most: '1h',
      default: '30s',
      description: 'How long its handler may take for one delivery.',
    }),
    concurrency: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 16,
      description: 'Most handlers at a time in one process.',
    }),
    inbox: options(
      {
        keep: quantity('duration', {
          least: '1s',
          most: '365d',
          default: '7d',
          description:
            'How long it is known, at least, that a message was handled. One that comes again within that time is not handled again.',
        }),
      },
      {
        default: {},
        description: 'Of handlers that ask for an inbox (`{ inbox: true }`): each message is handled once.',
      },
    ),
    describe: Type.Optional(Type.String({ description: 'What it is, for people.' })),
  },
  { 'x-expected': 'the options of a service (`{}` for none)', description: 'An application on the bus.' },
);

const Limits = options(
  {
    size: quantity('size', {
      least: '1KiB',
      most: '15MiB',
      default: '1MiB',
      description: 'Largest `data` of a message. RabbitMQ 4 takes no message over 16 MiB.',
    }),
    depth: Type.Integer({
      minimum: 1,
      maximum: 512,
      default: DEFAULT_JSON_LIMITS.maxDepth,
      description: 'Deepest nesting of `data`.',
    }),
    parking: quantity('size', {
      least: '1MiB',
      most: '1024GiB',
      default: '256MiB',
      description: 'Most bytes of messages that no route takes. When it is full, publishing such a message fails.',
    }),
  },
  { default: {}, description: 'How large things may be.' },
);

const Telemetry = options(
  {
    log: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      default: 'info',
      description: 'The least level of log lines that are written.',
    }),
    traces: oneOf(['joined', 'linked'], {
      default: 'joined',
      description:
        "Whether what handles a message is part of its publisher's trace, or begins a trace of its own that links to it.",
    }),
    history: Type.Integer({
      minimum: 0,
      maximum: 10_000,
      default: 200,
      description:
        'How many records a second each process adds to the message history, which `waybill trace` shows: beyond them a part of the conversations is left out. 0 adds nothing.',
    }),
  },
  { default: {}, description: 'What the bus says about itself.' },
);

const KeyRing = options(
  {
    current: Type.String({ minLength: 1, description: 'The id of the key that encrypts.' }),
    keys: named(
      Type.String({
        'x-expected': '32 bytes in base64 or hex, as a reference: "${NAME}" or "${file:/run/secrets/name}"',
        description: '32 bytes in base64 or hex, out of a variable or a file.',
      }),
      {
        minProperties: 1,
        'x-expected': 'keys by their ids',
        description: 'The keys by their ids, older ones as well: each decrypts what was encrypted with it.',
      },
    ),
  },
  { 'x-expected': 'a key ring: { current, keys }', description: 'Keys of which one is current.' },
);

/** A reference itself, so it is filled in before references are resolved, and not by the shape check. */
export const DEFAULT_TRANSPORT = '${WAYBILL_URL:-embedded:.waybill}';

/** What differs from machine to machine, so that `waybill.<env>.yaml` may override it. */
const MACHINE = {
  transport: Type.String({
    default: DEFAULT_TRANSPORT,
    'x-expected': 'embedded:<folder>, or an amqp:// or amqps:// url',
    description:
      'What carries the messages: `embedded:<folder>` (relative to the folder of waybill.yaml), or the `amqp://` or `amqps://` url of a RabbitMQ.',
  }),
  store: Type.Optional(
    Type.String({
      'x-expected': 'a postgres:// url or embedded:<folder>',
      description:
        'Where steps that remember keep their state, with RabbitMQ, and inboxes what was handled: a `postgres://` url or `embedded:<folder>`. The embedded transport has its own, which inboxes leave for this one where it is given.',
    }),
  ),
  sources: named(Source, { default: {}, description: 'Sources by name, for the steps that look something up.' }),
  keys: named(KeyRing, {
    default: {},
    description: 'Key rings by name, for the steps that encrypt and decrypt fields.',
  }),
  limits: Limits,
  telemetry: Telemetry,
};

export const BusFile = options(
  {
    bus: Type.String({ pattern: NAME, 'x-expected': EXPECTED_NAME, description: 'The name of the bus.' }),
    part: Type.String({
      pattern: NAME,
      default: MAIN_PART,
      'x-expected': EXPECTED_NAME,
      description:
        'The name of what this repository owns of the bus, where several repositories share one. `waybill apply` replaces this part only.',
    }),
    describe: Type.Optional(Type.String({ description: 'What it is for, for people.' })),
    transport: MACHINE.transport,
    store: MACHINE.store,
    slots: Type.Optional(
      Type.Unsafe<number>({
        type: 'integer',
        enum: [1, 2, 4, 8, 16, 32, 64],
        description:
          'Groups that keys fall into; the most that any `partitions` can be. It may grow later and never shrinks. Left out, it is the most that the `partitions` of an endpoint need: as many where these are a power of two, else four times as many or more, and from 4 to 64.',
      }),
    ),
    router: options(
      {
        partitions: Type.Integer({
          minimum: 1,
          maximum: 64,
          default: 4,
          description:
            "Parts of the router's endpoint that are worked on side by side. At most `slots`, where these are stated.",
        }),
      },
      { default: {}, description: 'The router, which runs the routes.' },
    ),
    services: named(Service, { default: {}, description: 'The services of the bus, by name.' }),
    plugins: Type.Array(
      Type.String({
        pattern: '^(@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*$',
        'x-expected': 'the name of an npm package, such as @acme/waybill-geo',
        description: 'An npm package that exports mediators.',
      }),
      {
        default: [],
        uniqueItems: true,
        description: 'Packages whose mediators routes may use, besides those of the files in `plugins/`.',
      },
    ),
    sources: MACHINE.sources,
    keys: MACHINE.keys,
    limits: MACHINE.limits,
    telemetry: MACHINE.telemetry,
  },
  { 'x-expected': 'the options of a bus', description: '`waybill.yaml`: one bus.' },
);

/** `waybill.<env>.yaml`. Checked merged into `waybill.yaml`; by itself only its first level is. */
export const OverrideFile = options(
  {
    transport: Type.Optional(MACHINE.transport),
    store: MACHINE.store,
    sources: Type.Optional(MACHINE.sources),
    keys: Type.Optional(MACHINE.keys),
    limits: Type.Optional(MACHINE.limits),
    telemetry: Type.Optional(MACHINE.telemetry),
  },
  {
    'x-expected': 'options that override those of waybill.yaml',
    description: '`waybill.<env>.yaml`: what is different in one environment.',
  },
);

export type BusFile = Type.Static<typeof BusFile>;
export type SourceSettings = Type.Static<typeof Source>;
