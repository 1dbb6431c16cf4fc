import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { openRoute, type RouteTest, type Sent } from 'waybill/testing';

const config = fileURLToPath(new URL('./', import.meta.url));
const stay = {
  stayId: 'S-1',
  ward: 'W1',
  days: 3,
  patient: { insurer: 'north', member: 'M123456789', name: 'Ada Example', born: '1950-05-01' },
  treatments: [
    { code: 'T-1', price: 12.5, diagnosis: 'J18.9' },
    { code: 'T-2', price: 0 },
  ],
};

/** What billing hands on of a charge. */
function booked({ data }: Sent): Record<string, unknown> {
  const { line, of: _of, price, ...rest } = data as Record<string, unknown>;
  return { ...rest, chargeId: `S-1/${String(line)}`, amount: price };
}

describe('hospital', () => {
  const environment = { ...process.env };

  beforeEach(() => {
    process.env['PATIENT_KEY_1'] = randomBytes(32).toString('base64');
    process.env['PATIENT_KEY_2'] = randomBytes(32).toString('base64');
    delete process.env['PATIENT_KEY_CURRENT'];
  });

  afterEach(() => {
    for (const name of ['PATIENT_KEY_1', 'PATIENT_KEY_2', 'PATIENT_KEY_CURRENT']) {
      const before = environment[name];
      if (before === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before;
    }
  });

  describe('routes/charges', () => {
    it('makes a charge of each treatment, with who it was for closed', async () => {
      const { sent } = await (await openRoute('charges', { config })).take({ data: stay });
      expect(sent).to.have.length(2);
      for (const [i, { to, type, data, envelope }] of sent.entries()) {
        expect([to, type, envelope.key]).to.deep.equal(['billing', 'charge.treatment.book@1', 'S-1']);
        expect(data).to.include({ line: i + 1, of: 2, insurer: 'north', code: stay.treatments[i]?.code });
        for (const field of ['member', 'diagnosis'])
          expect(data)
            .to.have.property(field)
            .that.matches(/^enc:v1:k1:/);
      }
      const text = JSON.stringify(sent);
      for (const secret of ['M123456789', 'Ada', '1950', 'J18.9']) expect(text).to.not.contain(secret);
    });

    it('refuses a stay of nobody that an insurer knows, and a price below zero, and says both', async () => {
      const { member: _member, ...patient } = stay.patient;
      const route = await openRoute('charges', { config });
      const wrong = { ...stay, patient, treatments: [{ code: 'T-1', price: -1 }] };
      const { outcome, sent, error } = await route.take({ data: wrong });
      expect([outcome, sent]).to.deep.equal(['dead', []]);
      expect(error?.message).to.contain('a patient whom no insurer knows').and.contain('a price below zero');
    });

    it('ends with a stay that had no treatment', async () => {
      const route = await openRoute('charges', { config });
      expect((await route.take({ data: { ...stay, treatments: [] } })).outcome).to.equal('filtered');
    });
  });

  describe('routes/claims', () => {
    const charge = async (): Promise<Record<string, unknown>> => {
      const [first] = (await (await openRoute('charges', { config })).take({ data: stay })).sent;
      if (first === undefined) throw new Error('there is no charge');
      return booked(first);
    };
    const claims = (): Promise<RouteTest> => openRoute('claims', { config });

    it('opens for the insurer what was closed for billing', async () => {
      const { sent } = await (await claims()).take({ data: await charge() });
      expect(sent.map(({ to, data }) => [to, data])).to.deep.equal([
        [
          'insurers',
          {
            chargeId: 'S-1/1',
            stayId: 'S-1',
            insurer: 'north',
            member: 'M123456789',
            code: 'T-1',
            diagnosis: 'J18.9',
            amount: 12.5,
          },
        ],
      ]);
    });

    it('still opens what was closed with the key before', async () => {
      const old = await charge();
      process.env['PATIENT_KEY_CURRENT'] = 'k2';
      expect((await (await claims()).take({ data: old })).outcome).to.equal('done');
      const fresh = await charge();
      expect(fresh['member']).to.match(/^enc:v1:k2:/);
      expect((await (await claims()).take({ data: fresh })).outcome).to.equal('done');
    });

    it('opens nothing that was put into another stay or another field', async () => {
      const data = await charge();
      for (const moved of [
        { ...data, stayId: 'S-2' },
        { ...data, member: data['diagnosis'], diagnosis: data['member'] },
      ]) {
        const { outcome, error } = await (await claims()).take({ data: moved });
        expect([outcome, error?.code]).to.deep.equal(['dead', 'WB_DECRYPT_FAILED']);
      }
    });
  });

  describe('routes/statistics', () => {
    it('tells nothing that the contract calls sensitive, and nothing undeclared', async () => {
      const route = await openRoute('statistics', { config });
      const { sent } = await route.take({ data: { ...stay, patient: { ...stay.patient, nmae: 'Ada' } } });
      expect(sent.map(({ data }) => data)).to.deep.equal([
        {
          stayId: 'S-1',
          ward: 'W1',
          days: 3,
          patient: { insurer: 'north' },
          treatments: [
            { code: 'T-1', price: 12.5 },
            { code: 'T-2', price: 0 },
          ],
        },
      ]);
    });
  });
});
