import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openRoute } from 'waybill/testing';

const config = fileURLToPath(new URL('./', import.meta.url));
const invoice = {
  invoiceId: 'I-1',
  customerId: 'C-1',
  issuedOn: '2026-03-01',
  lines: [
    { text: 'Repair', net: 0.1 },
    { text: 'Parts', net: 0.2 },
  ],
};
const customer = {
  customerId: 'C-1',
  name: 'Ada',
  email: 'ada@example.com',
  country: 'AT',
  consent: { mail: true },
  on: '2026-03-01',
  net: 10,
  netOfYear: 10,
};

describe('invoicing: routes/invoices-to-crm', () => {
  it('makes an activity of an invoice, to the cent', async () => {
    const route = await openRoute('invoices-to-crm', { config });
    const { sent } = await route.take({ data: invoice });
    expect(sent.map(({ to, type }) => [to, type])).to.deep.equal([['crm', 'crm.activity.log@1']]);
    expect(sent[0]?.data).to.deep.equal({
      customerId: 'C-1',
      kind: 'invoice',
      reference: 'I-1',
      on: '2026-03-01',
      net: 0.3,
      text: 'Repair, Parts',
    });
    expect(sent[0]?.envelope.key).to.equal('C-1');
  });

  it('tells a credit by its sum', async () => {
    const route = await openRoute('invoices-to-crm', { config });
    const { sent } = await route.take({ data: { ...invoice, lines: [{ text: 'Returned', net: -5 }] } });
    expect(sent[0]?.data).to.include({ kind: 'credit', net: -5 });
  });

  it('takes an invoice once, under whatever id it comes again', async () => {
    const route = await openRoute('invoices-to-crm', { config });
    expect((await route.take({ data: invoice })).outcome).to.equal('done');
    expect((await route.take({ data: invoice })).outcome).to.equal('duplicate');
    expect((await route.take({ data: { ...invoice, invoiceId: 'I-2' } })).outcome).to.equal('done');
  });
});

describe('invoicing: routes/campaign', () => {
  it('mails in the language of the country', async () => {
    const route = await openRoute('campaign', { config });
    const languages = [];
    for (const country of ['AT', 'LU', 'PT']) {
      const { sent } = await route.take({ data: { ...customer, customerId: country, country } });
      languages.push((sent[0]?.data as { language: string }).language);
    }
    expect(languages).to.deep.equal(['de', 'fr', 'en']);
  });

  it('thanks by what the customer bought in the year', async () => {
    const route = await openRoute('campaign', { config });
    const gold = await route.take({ data: { ...customer, netOfYear: 5_000 } });
    expect(gold.sent[0]?.data).to.include({ template: 'thanks-gold', voucher: 50 });
    const normal = await route.take({ data: { ...customer, customerId: 'C-2', netOfYear: 4_999.99 } });
    expect(normal.sent[0]?.data).to.include({ template: 'thanks', voucher: 10 });
  });

  it('leaves alone whoever did not agree, whose consent has ended, and who was only given a credit', async () => {
    const route = await openRoute('campaign', { config });
    for (const changed of [
      { consent: { mail: false } },
      { consent: { mail: true, until: '2026-02-28' } },
      { net: -10 },
    ]) {
      expect((await route.take({ data: { ...customer, ...changed } })).outcome).to.equal('filtered');
    }
    const { outcome } = await route.take({ data: { ...customer, consent: { mail: true, until: '2026-03-01' } } });
    expect(outcome).to.equal('done');
  });

  it('mails nobody twice within 90 days', async () => {
    const route = await openRoute('campaign', { config });
    expect((await route.take({ data: customer })).outcome).to.equal('done');
    await route.advance('89d');
    expect((await route.take({ data: customer })).outcome).to.equal('duplicate');
    await route.advance('2d');
    expect((await route.take({ data: customer })).outcome).to.equal('done');
  });
});
