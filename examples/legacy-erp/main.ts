import { isDeepStrictEqual } from 'node:util';
import { openStage, prove, until } from '../stage.ts';
import { accountOf, CUSTOMERS, type Customer, exportFile, recordOf } from './customers.ts';
import type { CrmAccountChangedV1, CrmAccountChangedV2 } from './messages.ts';
import { attendCrm, attendErp, attendReaders, type Seen } from './services.ts';

/** A night's export of the ERP into the CRM, and a day's changes back. Exits with 1 when a number is wrong. */
await using stage = await openStage(import.meta.url);

const seen: Seen = { accounts: new Map(), imports: [], support: [], newsletter: [], desk: [] };
const erp = attendErp(await stage.connect('erp'), seen);
const crm = attendCrm(await stage.connect('crm'), seen);
const [support, newsletter, desk] = [
  await stage.connect('support'),
  await stage.connect('newsletter'),
  await stage.connect('data-desk'),
];
const attending = [erp, crm, ...attendReaders(support, newsletter, desk, seen)];
await Promise.all(attending.map((service) => service.start()));
const fieldApp = await stage.connect('field-app');

const lines = exportFile();
await erp.publishMany(
  lines.map((record, i) => ({ type: 'erp.record.exported@1', data: { file: 'KU260131.DAT', line: i + 1, record } })),
);
await until('every customer is in the CRM and its readers know', () => seen.support.length >= CUSTOMERS.length);
console.log(`the ERP exported ${String(lines.length)} lines, and the CRM has ${String(seen.accounts.size)} accounts`);

// The day: somebody blocks accounts in the CRM, sales people raise limits by the old app.
const today = '2026-02-02';
const blocked = CUSTOMERS.filter((_, i) => i % 10 === 3).map(
  (one): Customer => ({ ...one, blocked: true, changedOn: today }),
);
const raised = CUSTOMERS.filter((_, i) => i % 25 === 7).map(
  (one): Customer => ({ ...one, limitCents: one.limitCents + 50_000, changedOn: today }),
);
const unfit: CrmAccountChangedV2 = {
  ...accountOf({ ...firstOf(blocked), name: 'Gesellschaft für sehr lange Firmennamen mbH' }),
  contact: 'post@lange.example',
  origin: 'crm',
};
const prospect: CrmAccountChangedV2 = { ...unfit, accountId: 'CRM-1', name: 'Nobody knows yet' };
const inCrm = blocked.map((one): CrmAccountChangedV2 => ({ ...accountOf(one), origin: 'crm' }));
const inApp = raised.map(inOldShape);
for (const change of [...inCrm, unfit, prospect]) await crm.publish('crm.account.changed@2', change);
for (const change of inApp) await fieldApp.publish('crm.account.changed@1', change);

const changes = CUSTOMERS.length + inCrm.length + inApp.length + 2;
const imports = [...blocked, ...raised].map(recordOf);
await until('everybody has what is his, and the bus nothing left to do', async () => {
  const { ledger, endpoints } = await stage.host.transport.stats();
  const busy = ledger.waiting + endpoints.reduce((sum, e) => sum + e.waiting + e.inHand + e.delayed, 0);
  const there = seen.imports.length >= imports.length && seen.newsletter.length >= changes && seen.desk.length > 0;
  return there && busy === 0;
});

const letters: string[] = [];
for await (const { error } of stage.host.transport.dead.list()) letters.push(error.split('\n')[0] ?? '');
const fromApp = seen.newsletter.filter(({ origin }) => origin === 'field-app');
prove({
  'accounts in the CRM': [CUSTOMERS.length, seen.accounts.size],
  'accounts that are as in the ERP': [
    CUSTOMERS.length,
    CUSTOMERS.filter((one) => isDeepStrictEqual(seen.accounts.get(`ERP-${one.number}`), accountOf(one))).length,
  ],
  'damaged lines that became dead letters': [2, letters.length],
  'records for the ERP': [imports.length, seen.imports.length],
  'records for the ERP that are right in each column': [
    imports.length,
    imports.filter((record) => seen.imports.includes(record)).length,
  ],
  'changes that support was told, as version 2': [changes, seen.support.length],
  'changes that the newsletter was told, as version 1': [changes, seen.newsletter.length],
  'changes of the old app that the newsletter has as they were sent': [
    inApp.length,
    inApp.filter((sent) => fromApp.some((read) => isDeepStrictEqual(read, sent))).length,
  ],
  'changes for the data desk': [[unfit.name], seen.desk.map(({ name }) => name)],
});
for (const letter of letters) console.log(`dead letter: ${letter}`);

/** As the app still sends it. */
function inOldShape(customer: Customer): CrmAccountChangedV1 {
  const { address, credit, status, ...others } = accountOf(customer);
  return {
    ...others,
    zip: address.postalCode,
    city: address.city,
    country: address.country,
    creditLimit: credit.amount,
    blocked: status === 'blocked',
    origin: 'field-app',
  };
}

function firstOf(customers: readonly Customer[]): Customer {
  const [first] = customers;
  if (first === undefined) throw new Error('there is no customer');
  return first;
}
