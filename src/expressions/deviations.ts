/** A place where Waybill's expressions differ from CEL as specified, or as the library that parses them evaluates it. */
export interface Deviation {
  /** What tests exclude it by. */
  readonly name: string;
  readonly cel: string;
  readonly waybill: string;
  /** An expression over `data` = `{ n: 3, s: 'abc', z: null, list: [1, 2] }`, and its value here; `absent` is no value. */
  readonly example: readonly [expression: string, value: unknown];
}

/** What an example gives that has no value. */
export const NO_VALUE = 'absent';

export const DEVIATIONS: readonly Deviation[] = [
  {
    name: 'one-number',
    cel: 'int, uint and double are types of their own that do not mix, and int division drops the rest',
    waybill:
      'there is one number type, that of JSON: 3 and 3.0 are equal, 7 / 2 is 3.5, size() can be multiplied by 1.5',
    example: ['7 / 2 + size(data.list) * 1.5', 6.5],
  },
  {
    name: 'finite-numbers',
    cel: 'a double may be infinite or not a number; division by zero gives such a one',
    waybill: 'JSON has no such numbers: division by zero, and a result that is not finite, fail',
    example: ['data.n / 0.0 > 1.0 || true', true],
  },
  {
    name: 'remainder',
    cel: '% is for integers only',
    waybill: '% is for all numbers',
    example: ['data.n % 2.5', 0.5],
  },
  {
    name: 'has-path',
    cel: 'has(a.b.c) fails where a.b is absent',
    waybill: 'has(a.b.c) is false where any part of the way is absent',
    example: ['has(data.x.y)', false],
  },
  {
    name: 'absent-predicate',
    cel: 'a predicate that reads an absent field fails',
    waybill: 'it is no match, also under !; && and || absorb absence as CEL has them absorb failures',
    example: ["data.x == 'a'", NO_VALUE],
  },
  {
    name: 'optional-methods',
    cel: 'orValue, or and hasValue are for optional values only',
    waybill: 'they also take a field that may be absent, and a call such as first(list) that may give nothing',
    example: ["data.x.orValue('none')", 'none'],
  },
  {
    name: 'mixed-branches',
    cel: 'both branches of ? : have one type',
    waybill: 'they may differ',
    example: ["data.n > 2 ? 1 : 'small'", 1],
  },
  {
    name: 'mixed-lists',
    cel: 'lists of different types cannot be joined',
    waybill: 'lists of any items can be joined',
    example: ["[1] + ['x']", [1, 'x']],
  },
  {
    name: 'object-keys',
    cel: 'asking whether a value that is no text is a key of an object fails or not, depending on the types of both',
    waybill: 'it is not: the names of fields are texts',
    example: ["1 in {'a': 1}", false],
  },
  {
    name: 'conversions',
    cel: "int('1.5') fails; bool() takes '1', 't', 'TRUE'; string() takes bytes; double() takes 'inf'",
    waybill: "int, double and number take any text that is a number; bool takes 'true' and 'false'",
    example: ["int('1.5')", 1],
  },
  {
    name: 'dates',
    cel: 'timestamp() and duration() make values of two types that + and - combine',
    waybill: 'date() makes a point in time from text; addDays and addMonths move it; in the result it is text',
    example: ["addDays('2026-01-31', 1) == date('2026-02-01')", true],
  },
  {
    name: 'patterns',
    cel: 'the library uses the regular expressions of JavaScript, whose time can grow without bound',
    waybill: 'matches uses RE2, as the specification says: linear in time',
    example: ["'aaaa'.matches('(a*)*$') && data.s.matches('\\\\pL')", true],
  },
  {
    name: 'types-left-out',
    cel: 'there are bytes, unsigned numbers of their own, and type()',
    waybill: 'there are not: values are JSON, and 3u is 3',
    example: ['3u + data.n', 6],
  },
];
