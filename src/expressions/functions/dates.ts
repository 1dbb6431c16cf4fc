import { TEXT, TIMESTAMP } from '../types.ts';
import { describeValue, ExpressionFailure } from '../values.ts';
import { binary, type FunctionDeclaration, type Kind, param, unary } from './declare.ts';
import { A_DATE, A_WHOLE_NUMBER } from './kinds.ts';

/** RFC 3339: a full date, or a date and time with its offset. Text without an offset would depend on the machine's zone. */
const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

function parse(text: string): Date {
  const parts = RFC3339.exec(text);
  const time = parts === null ? Number.NaN : Date.parse(text.replace(' ', 'T').replace('t', 'T').replace('z', 'Z'));
  // JavaScript reads February 30 as March 1.
  if (parts === null || Number.isNaN(time) || Number(parts[3]) > daysInMonth(Number(parts[1]), Number(parts[2]) - 1)) {
    throw new ExpressionFailure(
      `a date is RFC 3339 text such as 2026-01-31 or 2026-01-31T12:00:00Z, not ${describeValue(text)}`,
    );
  }
  return new Date(time);
}

/**
 * The form a date() has at run time: always UTC, always milliseconds, four digits of year, so that the order of the texts is
 * the order in time, and the result is plain JSON.
 */
function canonical(date: Date): string {
  const year = date.getUTCFullYear();
  if (Number.isNaN(date.getTime()) || year < 0 || year > 9999)
    throw new ExpressionFailure('the date is not in the years 0 to 9999');
  return date.toISOString();
}

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
}

const DAY_MS = 86_400_000;

function addDays(text: string, days: number): string {
  return canonical(new Date(parse(text).getTime() + days * DAY_MS));
}

/** The same day of another month, or its last day: January 31 and one month is February 28. */
function addMonths(text: string, months: number): string {
  const date = parse(text);
  const first = new Date(date);
  first.setUTCDate(1);
  first.setUTCMonth(first.getUTCMonth() + months);
  first.setUTCDate(Math.min(date.getUTCDate(), daysInMonth(first.getUTCFullYear(), first.getUTCMonth())));
  return canonical(first);
}

const FIELDS: Readonly<Record<string, (iso: string) => string>> = {
  yyyy: (iso) => iso.slice(0, 4),
  MM: (iso) => iso.slice(5, 7),
  dd: (iso) => iso.slice(8, 10),
  HH: (iso) => iso.slice(11, 13),
  mm: (iso) => iso.slice(14, 16),
  ss: (iso) => iso.slice(17, 19),
  SSS: (iso) => iso.slice(20, 23),
};

const FORMAT_PART = /'([^']*)'|yyyy|MM|dd|HH|mm|ss|SSS|[A-Za-z]+/g;

/** A form for formatDate: no letters but its fields and quoted text. */
const A_FORM: Kind<string> = {
  describe: "a form of yyyy MM dd HH mm ss SSS and 'text'",
  fits: (type) => type.kind === 'string' && (type.values === undefined || type.values.every(isForm)),
  is: (value): value is string => typeof value === 'string' && isForm(value),
};

function isForm(form: string): boolean {
  return [...form.matchAll(FORMAT_PART)].every(([part]) => part.startsWith("'") || Object.hasOwn(FIELDS, part));
}

function format(text: string, form: string): string {
  const iso = canonical(parse(text));
  return form.replaceAll(FORMAT_PART, (part, quoted: string | undefined) => quoted ?? FIELDS[part]?.(iso) ?? part);
}

export const DATE_FUNCTIONS: readonly FunctionDeclaration[] = [
  {
    name: 'date',
    group: 'dates',
    cel: false,
    style: 'both',
    describe:
      'A point in time, from RFC 3339 text; a date alone is its midnight in UTC. Compared with another, added to, formatted; in a result it is RFC 3339 text in UTC.',
    example: ["date('2026-01-31') < date('2026-01-31T12:00:00+02:00')", true],
    forms: [
      {
        params: [param('text', A_DATE)],
        returns: () => TIMESTAMP,
        build: unary(A_DATE, (text) => canonical(parse(text))),
      },
    ],
  },
  {
    name: 'formatDate',
    group: 'dates',
    cel: false,
    style: 'both',
    describe: "The point in time, in UTC, by a form of yyyy, MM, dd, HH, mm, ss, SSS and 'quoted text'.",
    example: ["formatDate('2026-01-31T12:00:00Z', 'dd.MM.yyyy')", '31.01.2026'],
    forms: [
      {
        params: [param('date', A_DATE), param('form', A_FORM)],
        returns: ([, form]) =>
          form?.kind === 'string' && form.values?.every((value) => value === 'yyyy-MM-dd') === true
            ? { kind: 'string', format: 'date' }
            : TEXT,
        build: binary(A_DATE, A_FORM, format),
      },
    ],
  },
  {
    name: 'addDays',
    group: 'dates',
    cel: false,
    style: 'both',
    describe: 'The point in time so many days of 24 hours later, or earlier for a negative number.',
    example: ["formatDate(addDays('2026-02-27', 2), 'yyyy-MM-dd')", '2026-03-01'],
    forms: [
      {
        params: [param('date', A_DATE), param('days', A_WHOLE_NUMBER)],
        returns: () => TIMESTAMP,
        build: binary(A_DATE, A_WHOLE_NUMBER, addDays),
      },
    ],
  },
  {
    name: 'addMonths',
    group: 'dates',
    cel: false,
    style: 'both',
    describe:
      'The same day and time so many months later or earlier; the last day of the month where it has no such day.',
    example: ["formatDate(addMonths('2026-01-31', 1), 'yyyy-MM-dd')", '2026-02-28'],
    forms: [
      {
        params: [param('date', A_DATE), param('months', A_WHOLE_NUMBER)],
        returns: () => TIMESTAMP,
        build: binary(A_DATE, A_WHOLE_NUMBER, addMonths),
      },
    ],
  },
];
