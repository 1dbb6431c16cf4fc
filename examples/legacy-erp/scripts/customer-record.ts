import type { ErpCustomerChangedV1, ErpRecordExportedV1, ErpRecordImportV1 } from '../messages.ts';

/** A field of the record: its name, and how many columns it has. */
type Field = readonly [name: keyof ErpCustomerChangedV1, columns: number];

/** The record KU of the ERP, release 4.2: 86 columns. The first two say which record it is. */
const KIND = 'KU';
const LAYOUT: readonly Field[] = [
  ['KDNR', 8],
  ['NAME1', 30],
  ['PLZ', 5],
  ['ORT', 20],
  ['LAND', 3],
  ['KRLIM', 9],
  ['SPERR', 1],
  ['AEDAT', 8],
];

/** Out of columns. What comes out is checked against the contract of the customer, so nothing is checked twice here. */
export function parse({ data: { record } }: { readonly data: ErpRecordExportedV1 }): Record<string, unknown> {
  let at = KIND.length;
  const customer: Record<string, unknown> = {};
  for (const [name, columns] of LAYOUT) {
    customer[name] = record.slice(at, at + columns).trimEnd();
    at += columns;
  }
  const day = String(customer['AEDAT']);
  return {
    ...customer,
    KRLIM: Number(customer['KRLIM']),
    AEDAT: `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`,
  };
}

/** Into columns, in the characters that the ERP has. @throws when a value does not fit: nothing is cut off in silence */
export function format({ data }: { readonly data: ErpCustomerChangedV1 }): ErpRecordImportV1 {
  const fields = LAYOUT.map(([name, columns]) => {
    if (name === 'KRLIM') return fitted(name, String(data.KRLIM).padStart(columns, '0'), columns);
    return fitted(name, name === 'AEDAT' ? data.AEDAT.replaceAll('-', '') : upperAscii(data[name]), columns);
  });
  return { customer: data.KDNR, record: [KIND, ...fields].join('') };
}

function fitted(name: string, text: string, columns: number): string {
  if (text.length > columns)
    throw new Error(`${name} has ${String(columns)} columns, and ${text} needs ${String(text.length)}`);
  if (!/^[ -~]*$/.test(text)) throw new Error(`${name}: the ERP has no character for all of ${text}`);
  return text.padEnd(columns);
}

const SPELT = new Map([
  ['Ä', 'AE'],
  ['Ö', 'OE'],
  ['Ü', 'UE'],
]);

/** Capitals without marks, as it is usual in German: Müller is MUELLER, Café is CAFE. ß becomes SS by itself. */
function upperAscii(text: string): string {
  const spelt = text.toUpperCase().replace(/[ÄÖÜ]/g, (letter) => SPELT.get(letter) ?? letter);
  return spelt.normalize('NFD').replace(/\p{M}/gu, '');
}
