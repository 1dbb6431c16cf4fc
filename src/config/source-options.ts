import Type from 'typebox';
import { oneOf, options, quantity, typeReference } from './shape.ts';

const TableFile = options(
  {
    file: Type.Optional(
      Type.String({
        pattern: '\\.(csv|json)$',
        'x-expected': 'a .csv or .json file',
        description:
          'A file of rows, relative to the folder of waybill.yaml: CSV whose first row names the columns, or a JSON list of objects.',
        examples: ['tables/countries.csv'],
      }),
    ),
    database: Type.Optional(
      Type.String({
        'x-expected': 'the postgres:// url of a database, as a reference: "${NAME}"',
        description: 'Instead of a file: the PostgreSQL that `query` is asked of.',
      }),
    ),
    query: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'A SELECT whose columns are the properties of a row. It can only read.',
        examples: ['SELECT code, name FROM country'],
      }),
    ),
    key: Type.String({
      minLength: 1,
      description: 'The column that tells rows apart: a text or a number, each value once.',
    }),
    every: quantity('duration', {
      least: '100ms',
      most: '1d',
      default: '10s',
      description:
        'How often it is looked whether the file has changed, or the query is asked. What is wrong then leaves the table as it was.',
    }),
    rows: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 100_000, description: 'Most rows.' }),
    size: quantity('size', {
      least: '1KiB',
      most: '1GiB',
      default: '16MiB',
      description: 'Largest file, or answer of the query.',
    }),
  },
  { 'x-expected': 'a table: { file, key } or { database, query, key }', description: 'Rows in memory, by a key.' },
);

/** One of `sources:`. */
export const Source = options(
  {
    http: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The address to ask, with `{key}` where the key goes.',
        examples: ['https://crm.example/customers/{key}'],
      }),
    ),
    table: Type.Optional(TableFile),
    auth: Type.Optional(
      options(
        {
          bearer: Type.Optional(Type.String({ description: 'A token for `Authorization: Bearer`.' })),
          basic: Type.Optional(
            options(
              {
                user: Type.String({ description: 'The name.' }),
                password: Type.String({ description: 'The password.' }),
              },
              { description: 'A name and a password for `Authorization: Basic`.' },
            ),
          ),
          header: Type.Optional(
            options(
              { name: Type.String({ description: 'Its name.' }), value: Type.String({ description: 'Its value.' }) },
              { description: 'A header of its own.' },
            ),
          ),
        },
        {
          minProperties: 1,
          maxProperties: 1,
          'x-expected': 'one of bearer, basic and header',
          description: 'How it is authorised; keep the secret in `${NAME}` or `${file:path}`.',
        },
      ),
    ),
    method: oneOf(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], {
      default: 'GET',
      description: 'How it is asked. `enrich` takes sources of GET, `call` those of the others as well.',
    }),
    request: Type.Optional(typeReference('The contract of what is sent, for `call`.')),
    response: typeReference('The contract of the answer; of a table that of a row.'),
    absent: Type.Array(Type.Integer({ minimum: 400, maximum: 499, description: 'A status.' }), {
      default: [],
      uniqueItems: true,
      description: 'HTTP statuses that say that there is no such thing, which is an answer and not an error.',
    }),
    timeout: quantity('duration', {
      least: '1ms',
      most: '5m',
      default: '5s',
      description: 'How long one request may take.',
    }),
    retry: options(
      {
        attempts: Type.Integer({ minimum: 1, maximum: 10, default: 3, description: 'Requests in all.' }),
        delay: quantity('duration', {
          least: '0s',
          most: '1m',
          default: '200ms',
          description: 'Before the second request; then it doubles. Jittered.',
        }),
      },
      { default: {}, description: 'What happens to a request that fails.' },
    ),
    size: quantity('size', { least: '1KiB', most: '15MiB', default: '1MiB', description: 'The largest answer.' }),
    concurrency: Type.Integer({
      minimum: 1,
      maximum: 1000,
      default: 16,
      description: 'Most requests at a time of one process. Others wait.',
    }),
    breaker: options(
      {
        failures: Type.Integer({
          minimum: 1,
          maximum: 1000,
          default: 10,
          description: 'Failures in a row after which it is not asked any more.',
        }),
        for: quantity('duration', {
          least: '100ms',
          most: '10m',
          default: '10s',
          description: 'How long it is left alone. Then one request tries whether it is back.',
        }),
      },
      { default: {}, description: 'Spares a source that is down, and the messages the wait for it.' },
    ),
    cache: Type.Optional(
      options(
        {
          for: quantity('duration', { least: '1ms', most: '7d', description: 'How long an answer is good.' }),
          max: Type.Integer({
            minimum: 1,
            maximum: 10_000_000,
            default: 10_000,
            description: 'Most answers kept; the ones used longest ago go first.',
          }),
        },
        { description: 'Keeps answers. Without it every message asks.' },
      ),
    ),
  },
  {
    'x-expected': 'the options of a source',
    description: 'Where a step can look something up: one of `http` and `table`.',
  },
);
