import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openRoute, type TestMessage } from 'waybill/testing';
import { accountOf, CUSTOMERS, type Customer, recordOf } from './customers.ts';

const config = fileURLToPath(new URL('./', import.meta.url));

const MUELLER: Customer = {
  number: '00012345',
  name: 'MUELLER GMBH',
  postalCode: '89073',
  city: 'ULM',
  country: 'DE',
  limitCents: 250_055,
  blocked: false,
  changedOn: '2026-01-15',
};

const exported = (record: string): TestMessage => ({ data: { file: 'KU.DAT', line: 1, record } });

/** A change of the account of a customer, as version 2. */
const changed = (customer: Customer, more: object = {}): TestMessage => ({
  type: 'crm.account.changed@2',
  data: { ...accountOf(customer), origin: 'crm', ...more },
});

describe('the example legacy-erp', () => {
  it('makes accounts of records, in the words of the CRM', async () => {
    const route = await openRoute('records-to-crm', { config });
    const { sent } = await route.take(exported(recordOf({ ...MUELLER, blocked: true })));
    expect(sent.map(({ to, type, data }) => [to, type, data])).to.deep.equal([
      [
        'crm',
        'crm.account.upsert@1',
        {
          accountId: 'ERP-00012345',
          name: 'MUELLER GMBH',
          address: { postalCode: '89073', city: 'ULM', country: 'DE' },
          credit: { amount: 2500.55, currency: 'EUR' },
          status: 'blocked',
          changedOn: '2026-01-15',
        },
      ],
    ]);
    expect((await route.take(exported('TR00000001'))).outcome).to.equal('filtered');
  });

  it('gives damaged records up by name', async () => {
    const route = await openRoute('records-to-crm', { config });
    const record = recordOf(MUELLER);
    const short = await route.take(exported(record.slice(0, 60)));
    expect(short.outcome).to.equal('dead');
    expect(short.error?.code).to.equal('WB_RULE_BROKEN');
    expect(short.error?.message).to.contain('a customer has 86 columns');
    const nowhere = await route.take(exported(record.replace('D  ', 'XX ')));
    expect(nowhere.error?.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(nowhere.error?.message).to.contain('LAND');
    const never = await route.take(exported(record.replace('20260115', '20261315')));
    expect(never.error?.code).to.equal('WB_CONTRACT_VIOLATED');
    expect(never.error?.message).to.contain('AEDAT');
  });

  it('brings every record back as it was, byte for byte', async () => {
    const there = await openRoute('records-to-crm', { config });
    const back = await openRoute('accounts-to-erp', { config });
    for (const customer of CUSTOMERS.slice(0, 30)) {
      const record = recordOf(customer);
      const [account] = (await there.take(exported(record))).sent;
      const data = { ...(account?.data as object), origin: 'crm' };
      const [line] = (await back.take({ type: 'crm.account.changed@2', data })).sent;
      expect(line?.data).to.deep.equal({ customer: customer.number, record });
    }
  });

  it('writes names in the letters of the ERP, and hands to people what does not fit', async () => {
    const route = await openRoute('accounts-to-erp', { config });
    const { sent } = await route.take(changed(MUELLER, { name: 'Müller & Größe Café' }));
    expect((sent[0]?.data as { record: string }).record.slice(10, 40)).to.equal('MUELLER & GROESSE CAFE        ');
    for (const name of ['Ein Name von mehr als dreißig Zeichen', 'Łódź']) {
      const message = changed(MUELLER, { name });
      const refused = await route.take(message);
      expect(refused.sent.map(({ to, data }) => [to, data])).to.deep.equal([['data-desk', message.data]]);
    }
  });

  it('sends nothing back to the ERP that came from it, or that it does not know', async () => {
    const route = await openRoute('accounts-to-erp', { config });
    expect((await route.take(changed(MUELLER, { origin: 'erp' }))).outcome).to.equal('filtered');
    expect((await route.take(changed(MUELLER, { accountId: 'CRM-1' }))).outcome).to.equal('filtered');
  });

  it('tells each reader in the major that it knows, whichever the publisher knew', async () => {
    const route = await openRoute('accounts-to-readers', { config });
    const old = {
      accountId: 'ERP-00012345',
      name: 'MUELLER GMBH',
      zip: '89073',
      city: 'ULM',
      country: 'DE',
      creditLimit: 2500.55,
      blocked: false,
      changedOn: '2026-01-15',
      origin: 'crm',
    };
    const { data } = changed(MUELLER);
    const up = await route.take({ type: 'crm.account.changed@1', data: old });
    const down = await route.take(changed(MUELLER, { contact: 'post@mueller.example' }));
    expect(up.sent.map(({ to, type, data: told }) => [to, type, told])).to.deep.equal([
      ['support', 'crm.account.changed@2', data],
      ['newsletter', 'crm.account.changed@1', old],
    ]);
    expect(down.sent.map(({ to, type, data: told }) => [to, type, told])).to.deep.equal([
      ['support', 'crm.account.changed@2', { ...(data as object), contact: 'post@mueller.example' }],
      ['newsletter', 'crm.account.changed@1', old],
    ]);
  });
});
