import type { CrmAccountUpsertV1 } from './messages.ts';

/** What the ERP exports in the scenario, and what it must come to. Lays records out by itself, not by the script of the routes. */
export interface Customer {
  readonly number: string;
  readonly name: string;
  readonly postalCode: string;
  readonly city: string;
  readonly country: 'DE' | 'AT' | 'CH';
  readonly limitCents: number;
  readonly blocked: boolean;
  /** yyyy-MM-dd */
  readonly changedOn: string;
}

const NAMES = ['MUELLER', 'HUBER', 'AMSLER', 'OETTINGER', 'SCHULZE'];
const FORMS = ['GMBH', 'AG', 'KG', 'OHG'];
const TOWNS = [
  { postalCode: '89073', city: 'ULM', country: 'DE' },
  { postalCode: '1010', city: 'WIEN', country: 'AT' },
  { postalCode: '8001', city: 'ZUERICH', country: 'CH' },
] as const;
const LETTERS = { DE: 'D', AT: 'A', CH: 'CH' };

export const CUSTOMERS: readonly Customer[] = Array.from({ length: 200 }, (_, i) => ({
  number: String(10_001 + i).padStart(8, '0'),
  name: `${pick(NAMES, i)} + SOHN ${String(i)} ${pick(FORMS, i)}`,
  ...pick(TOWNS, i),
  limitCents: 100_000 + i * 1_255,
  blocked: i % 20 === 0,
  changedOn: `2026-01-${String(1 + (i % 28)).padStart(2, '0')}`,
}));

/** A customer as the ERP has it in a file. */
export function recordOf({
  number,
  name,
  postalCode,
  city,
  country,
  limitCents,
  blocked,
  changedOn,
}: Customer): string {
  const limit = String(limitCents).padStart(9, '0');
  const place = `${postalCode.padEnd(5)}${city.padEnd(20)}${LETTERS[country].padEnd(3)}`;
  return `KU${number}${name.padEnd(30)}${place}${limit}${blocked ? 'X' : ' '}${changedOn.replaceAll('-', '')}`;
}

/** A customer as the CRM must come to know it. */
export function accountOf(customer: Customer): CrmAccountUpsertV1 {
  const { number, name, postalCode, city, country, limitCents, blocked, changedOn } = customer;
  return {
    accountId: `ERP-${number}`,
    name,
    address: { postalCode, city, country },
    credit: { amount: limitCents / 100, currency: 'EUR' },
    status: blocked ? 'blocked' : 'active',
    changedOn,
  };
}

/** The file of a night. Two lines were damaged on the way, and the last one only counts the others. */
export function exportFile(): string[] {
  const [first = ''] = CUSTOMERS.map(recordOf);
  return [
    ...CUSTOMERS.map(recordOf),
    first.slice(0, 60),
    first.replace(/[0-9]{9}(?=[ X][0-9]{8}$)/, '  1,000.0'),
    `TR${String(CUSTOMERS.length).padStart(8, '0')}`,
  ];
}

function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) throw new Error('an empty list');
  return found;
}
