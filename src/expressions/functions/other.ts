import { createHash } from 'node:crypto';
import { DYN } from '../types.ts';
import { ABSENT, ExpressionFailure, NONE, refuse } from '../values.ts';
import { type Build, type FunctionDeclaration, param, unary } from './declare.ts';
import { A_TEXT } from './kinds.ts';

/** The namespace of the ids that `uuid()` makes, itself made from the name `waybill` in RFC 9562's namespace for URLs. */
const NAMESPACE = Buffer.from('2b3b2338aea853c081463758c19c71ed', 'hex');

/** Name-based (version 5, RFC 9562): the same seed gives the same id for ever, so a replay makes no new ones. */
function uuid(seed: string): string {
  const hash = createHash('sha1').update(NAMESPACE).update(seed, 'utf8').digest().subarray(0, 16);
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const buildLookup: Build = ([table, key]) => {
  if (table === undefined || key === undefined) return () => ABSENT;
  return (input) => {
    const tableName = table.run(input);
    if (typeof tableName !== 'string') return refuse(tableName, 'lookup() needs the name of a table');
    const keyText = key.run(input);
    if (typeof keyText !== 'string') return refuse(keyText, 'lookup() needs a key that is text');
    if (input.tables === undefined) throw new ExpressionFailure('there are no tables to look up in');
    const found = input.tables.find(tableName, keyText);
    return found === undefined ? NONE : found;
  };
};

export const OTHER_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'lookup',
    group: 'other',
    cel: false,
    style: 'function',
    describe:
      'The row of a key in a table of `sources:`, an optional value: none for a key that the table does not have.',
    example: ["lookup('countries', 'DE').orValue('unknown')", 'unknown'],
    forms: [
      {
        params: [param('table', A_TEXT), param('key', A_TEXT)],
        returns: () => ({ kind: 'optional', of: DYN }),
        build: buildLookup,
      },
    ],
  },
  {
    name: 'uuid',
    group: 'other',
    cel: false,
    style: 'function',
    describe: 'An id made from a text (UUID version 5): the same text always gives the same id.',
    example: ["uuid('order 17') == uuid('order 17')", true],
    forms: [
      {
        params: [param('seed', A_TEXT)],
        returns: () => ({ kind: 'string', format: 'uuid' }),
        build: unary(A_TEXT, uuid),
      },
    ],
  },
];
