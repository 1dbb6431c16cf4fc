import { openStage, prove, until } from '../stage.ts';
import type { BillingInvoiceIssuedV1 } from './messages.ts';
import { type Activity, attendCrm, attendMail, type Customer, type Mail } from './services.ts';

/** A spring of invoices, some of them sent twice. Exits with 1 when a number is wrong. */
const customers = new Map<string, Customer>();
for (let n = 1; n <= 40; n++) {
  const customerId = `C-${String(n).padStart(3, '0')}`;
  customers.set(customerId, {
    customerId,
    name: `Customer ${String(n)}`,
    email: `c${String(n)}@example.com`,
    country: ['DE', 'FR', 'CH', 'PT'][n % 4] ?? 'DE',
    // Of every ten, three did not agree, and one agreed until a day before the first invoice.
    consent: n % 10 < 3 ? { mail: false } : n % 10 === 3 ? { mail: true, until: '2026-02-28' } : { mail: true },
  });
}

const invoices: BillingInvoiceIssuedV1[] = [];
for (let n = 1; n <= 200; n++) {
  invoices.push({
    invoiceId: `I-${String(n).padStart(4, '0')}`,
    customerId: `C-${String(((n * 7) % 40) + 1).padStart(3, '0')}`,
    issuedOn: `2026-03-${String((n % 28) + 1).padStart(2, '0')}`,
    lines: [
      { text: 'Maintenance', net: 19.99 },
      { text: 'Repair', net: n % 9 === 0 ? 6_000 : n / 10 },
    ],
  });
}
const repeats = invoices.filter((_, i) => i % 8 === 0);

await using stage = await openStage(import.meta.url);
const activities: Activity[] = [];
const mails: Mail[] = [];
await attendCrm(await stage.connect('crm'), customers, activities).start();
await attendMail(await stage.connect('mail'), mails).start();

const billing = await stage.connect('billing');
for (const data of [...invoices, ...repeats]) await billing.publish('billing.invoice.issued@1', data);

// A mail goes to whoever agreed, was invoiced, and did not have one yet: no more than one for each of 24 customers.
const agreed = [...customers.values()].filter(({ consent: { mail, until: end } }) => mail && end === undefined);
const invoiced = new Set(invoices.map(({ customerId }) => customerId));
const mailed = agreed.map(({ customerId }) => customerId).filter((customerId) => invoiced.has(customerId));
const eligible = invoices.filter(({ customerId }) => mailed.includes(customerId)).length;
const duplicates = repeats.length + (eligible - mailed.length);

const ledger = async () => (await stage.host.transport.stats()).ledger;
await until('every invoice has come to its end', async () => {
  const { waiting, duplicate } = await ledger();
  return (
    activities.length >= invoices.length && mails.length >= mailed.length && duplicate >= duplicates && waiting === 0
  );
});

const { dead, duplicate, filtered } = await ledger();
const cents = (amounts: readonly number[]): number => amounts.reduce((sum, net) => sum + Math.round(net * 100), 0);
prove({
  'activities in the CRM': [invoices.length, activities.length],
  'cents that they come to': [
    cents(invoices.flatMap(({ lines }) => lines.map(({ net }) => net))),
    cents(activities.map(({ net }) => net)),
  ],
  'who got a mail, each once': [
    mailed.join(' '),
    mails
      .map(({ customerId }) => customerId)
      .toSorted()
      .join(' '),
  ],
  'mails by language': [
    { de: mailed.filter((id) => ['DE', 'CH'].includes(country(id))).length, fr: count('FR'), en: count('PT') },
    { de: inLanguage('de'), fr: inLanguage('fr'), en: inLanguage('en') },
  ],
  'invoices to customers who did not agree': [invoices.length - eligible, filtered],
  'repeats, and mails that were not sent again': [duplicates, duplicate],
  'dead letters': [0, dead],
});

function country(customerId: string): string {
  return customers.get(customerId)?.country ?? '';
}

function count(of: string): number {
  return mailed.filter((customerId) => country(customerId) === of).length;
}

function inLanguage(language: Mail['language']): number {
  return mails.filter((mail) => mail.language === language).length;
}
