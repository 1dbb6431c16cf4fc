import { randomBytes } from 'node:crypto';
import { openStage, prove, until } from '../stage.ts';
import { attendBilling, attendInsurers, attendStatistics, type Charge, type Claim, type Stay } from './services.ts';

/**
 * A week of stays, charged and claimed, with all that billing and statistics saw searched for patients. Exits with 1 when a number
 * is wrong.
 */
for (const key of ['PATIENT_KEY_1', 'PATIENT_KEY_2']) process.env[key] ??= randomBytes(32).toString('base64');

const DIAGNOSES = ['J18.9 pneumonia', 'S52.5 fracture', 'K35.8 appendicitis'];
const stays: Stay[] = [];
for (let n = 1; n <= 60; n++) {
  stays.push({
    stayId: `S-${String(n).padStart(3, '0')}`,
    ward: `W${String((n % 4) + 1)}`,
    days: n % 9,
    patient: {
      insurer: ['north', 'south', 'coast'][n % 3] ?? 'north',
      name: `Patient Number${String(n)}`,
      born: `${String(1930 + n)}-05-01`,
      // Every twelfth has no insurer that knows them: somebody has to look at that.
      ...(n % 12 !== 0 && { member: `M${String(100_000_000 + n * 7)}` }),
    },
    treatments: Array.from({ length: n % 5 }, (_, i) => ({
      code: `T-${String(i + 1)}`,
      price: Math.round((n * 12.35 + i * 99.9) * 100) / 100,
      diagnosis: DIAGNOSES[(n + i) % 3] ?? '',
    })),
  });
}

await using stage = await openStage(import.meta.url);
const charges: Charge[] = [];
const claims: Claim[] = [];
const counted: Stay[] = [];
await attendBilling(await stage.connect('billing'), charges).start();
await attendInsurers(await stage.connect('insurers'), claims).start();
await attendStatistics(await stage.connect('statistics'), counted).start();

const ward = await stage.connect('ward');
for (const stay of stays) await ward.publish('clinic.stay.ended@1', stay);

const known = stays.filter(({ patient }) => patient.member !== undefined);
const treatments = known.flatMap((stay) => stay.treatments.map((treatment) => ({ ...treatment, stay })));
await until('every stay has come to its end', async () => {
  const { ledger } = await stage.host.transport.stats();
  return counted.length >= stays.length && claims.length >= treatments.length && ledger.waiting === 0;
});

const { dead, endpoints } = await stage.host.transport.stats();
const cents = (amounts: readonly number[]): number =>
  amounts.reduce((sum, amount) => sum + Math.round(amount * 100), 0);
const secrets = stays.flatMap(({ patient }) => [patient.name, patient.member, patient.born]).concat(DIAGNOSES);
const found = (seen: unknown): number => {
  const text = JSON.stringify(seen);
  return secrets.filter((secret) => secret !== undefined && text.includes(secret)).length;
};
const expected = new Set(
  treatments.map(({ stay, code, diagnosis }) => [stay.patient.member, code, diagnosis].join(' ')),
);
prove({
  'charges, one for each treatment': [treatments.length, charges.length],
  'cents charged': [cents(treatments.map(({ price }) => price)), cents(charges.map(({ price }) => price))],
  'charges whose fields are closed': [
    charges.length,
    charges.filter(({ member, diagnosis }) => [member, diagnosis].every((field) => field.startsWith('enc:v1:k1:')))
      .length,
  ],
  'names, numbers and diagnoses that billing could read': [0, found(charges)],
  'names, numbers and diagnoses that statistics could read': [0, found(counted)],
  'days that statistics counted': [total(stays), total(counted)],
  'claims in all': [treatments.length, claims.length],
  'claims that are not of the member and diagnosis they should be': [
    0,
    claims.filter(({ member, code, diagnosis }) => !expected.has([member, code, diagnosis].join(' '))).length,
  ],
  'dead letters, of patients without an insurer': [stays.length - known.length, dead],
  'where they are': ['route.charges', endpoints.find(({ outcomes }) => (outcomes['dead'] ?? 0) > 0)?.name],
});

function total(of: readonly Stay[]): number {
  return of.reduce((sum, { days }) => sum + days, 0);
}
