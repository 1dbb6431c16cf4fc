import { expect } from 'chai';
import { NUMBER, object, TEXT } from '../../support/definitions.ts';
import { keyRing } from '../../support/key-ring.ts';
import { StepBench, type StepOutcome } from '../../support/steps.ts';

const bench = new StepBench({
  'patient?': object({
    'name?': { ...TEXT, 'x-sensitive': true },
    'history?': { type: ['object', 'string'], 'x-sensitive': true },
    'email?': { type: 'string', format: 'email' },
  }),
  'lines?': { type: 'array', items: object({ 'note?': { type: ['string', 'number', 'null'] } }) },
  'remark?': TEXT,
  'age?': NUMBER,
});
const RING = { keyRings: new Map([['patients', keyRing('k1')]]) };
const SECRET = 'Ada Lovelace';
const DATA = { patient: { name: SECRET, history: { x: [1, 'ü'] } }, lines: [{ note: 'a' }, {}, { note: 'b' }] };
const FIELDS = "fields: [patient.name, patient.history, 'lines[].note'], keys: patients";

async function dataOf(outcomes: Promise<readonly StepOutcome[]>): Promise<object> {
  const [outcome] = await outcomes;
  if (outcome === undefined || !('data' in outcome)) throw new Error(JSON.stringify(outcome));
  const { data } = outcome;
  if (typeof data !== 'object' || data === null) throw new Error('no data');
  return data;
}

/** Encrypts, changes what is on its way, and decrypts under the id that the receiver sees. */
async function through(
  decrypt: string,
  change: (data: object) => object = (data) => data,
  encrypt = `- encrypt: { ${FIELDS} }`,
  rings: object = RING,
): Promise<StepOutcome> {
  const [sent] = await bench.perform(encrypt, DATA, { resources: RING });
  if (sent === undefined || !('data' in sent) || typeof sent.data !== 'object' || sent.data === null) {
    throw new Error(JSON.stringify(sent));
  }
  const { id, correlationId = '' } = sent.envelope;
  const [outcome] = await bench.perform(decrypt, change(sent.data), {
    envelope: { id, correlationId },
    resources: rings,
  });
  return outcome ?? { filtered: true };
}

describe('encrypt and decrypt', () => {
  it('give back what was there, whatever it was, to the receiver of what the route made', async () => {
    expect(await through(`- decrypt: { ${FIELDS} }`)).to.deep.include({ data: { id: 'o1', total: 5, ...DATA } });
  });

  it('show the key and nothing of the value, and another text each time', async () => {
    const [first, second] = [
      await dataOf(bench.perform(`- encrypt: { ${FIELDS} }`, DATA, { resources: RING })),
      await dataOf(bench.perform(`- encrypt: { ${FIELDS} }`, DATA, { resources: RING })),
    ];
    expect(first)
      .to.have.nested.property('patient.name')
      .that.matches(/^enc:v1:k1:[\w-]{16}:[\w-]{40}$/);
    expect(JSON.stringify(first)).to.not.contain(SECRET).and.not.contain('ü');
    expect(first).to.not.deep.equal(second);
    expect(first).to.deep.include({ id: 'o1', total: 5 });
  });

  it('open what an older key closed, and close with the current one', async () => {
    const rotated = { keyRings: new Map([['patients', keyRing('k1', 'k2')]]) };
    const old = await through(`- decrypt: { ${FIELDS} }`, undefined, undefined, rotated);
    expect(old).to.have.nested.property('data.patient.name', SECRET);
    const anew = await dataOf(bench.perform(`- encrypt: { ${FIELDS} }`, DATA, { resources: rotated }));
    expect(anew)
      .to.have.nested.property('patient.name')
      .that.matches(/^enc:v1:k2:/);
  });

  it('say which key is missing, and no more', async () => {
    const other = { keyRings: new Map([['patients', keyRing('k2')]]) };
    expect(await through(`- decrypt: { ${FIELDS} }`, undefined, undefined, other)).to.deep.equal({
      error: 'WB_KEY_UNKNOWN step 1 (decrypt): patient.name is encrypted with the key k1, which patients does not have',
    });
    const none = await bench.perform(`- decrypt: { ${FIELDS} }`, DATA, { resources: {} });
    expect(none).to.have.nested.property('0.error').that.contains('WB_RESOURCE_MISSING');
  });

  const REFUSED = /^WB_DECRYPT_FAILED step 1 \(decrypt\): [\w.[\]]+ cannot be decrypted: it was changed, or belongs to/;
  const changes: Readonly<Record<string, (data: Record<string, Record<string, unknown>>) => object>> = {
    'was swapped with another field': ({ patient = {}, ...rest }) => ({
      ...rest,
      patient: { name: patient['history'], history: patient['name'] },
    }),
    'was moved in its list': ({ lines, ...rest }) => ({ ...rest, lines: Object.values(lines ?? {}).toReversed() }),
    'has a flipped bit': ({ patient = {}, ...rest }) => ({
      ...rest,
      patient: { ...patient, name: String(patient['name']).replace(/.$/, (end) => (end === 'A' ? 'Q' : 'A')) },
    }),
    'lost its end': ({ patient = {}, ...rest }) => ({
      ...rest,
      patient: { ...patient, name: String(patient['name']).slice(0, -4) },
    }),
  };
  for (const [what, change] of Object.entries(changes)) {
    it(`refuse a value that ${what}, and tell nothing of it`, async () => {
      const outcome = await through(`- decrypt: { ${FIELDS} }`, (data) => change({ ...data }));
      expect(outcome).to.have.property('error').that.matches(REFUSED).and.not.contain(SECRET);
    });
  }

  it('refuse a value of another conversation, or of another context', async () => {
    const sent = await dataOf(bench.perform(`- encrypt: { ${FIELDS} }`, DATA, { resources: RING }));
    const elsewhere = await bench.perform(`- decrypt: { ${FIELDS} }`, sent, {
      envelope: { id: 'other' },
      resources: RING,
    });
    expect(elsewhere).to.have.nested.property('0.error').that.matches(REFUSED);
    const bound = `- encrypt: { ${FIELDS}, context: data.id }`;
    expect(await through(`- decrypt: { ${FIELDS}, context: data.id }`, undefined, bound)).to.have.property('data');
    const rebound = await through(
      `- decrypt: { ${FIELDS}, context: data.id }`,
      (data) => ({ ...data, id: 'o2' }),
      bound,
    );
    expect(rebound).to.have.property('error').that.matches(REFUSED);
  });

  it('refuse what was never encrypted, without showing it', async () => {
    const [outcome] = await bench.perform(`- decrypt: { ${FIELDS} }`, DATA, { resources: RING });
    expect(outcome).to.deep.equal({
      error: 'WB_DECRYPT_FAILED step 1 (decrypt): patient.name is not an encrypted value',
    });
  });

  it('follow a value to where a mapping moved it', async () => {
    const outcome = await through(
      "- decrypt: { fields: [{ at: remark, was: patient.name }, { at: 'lines[].note', was: 'lines[].note' }], keys: patients, as: shop.order.placed@1 }",
      (data) => ({ ...data, remark: (data as { patient: { name: string } }).patient.name }),
    );
    expect(outcome).to.deep.nested.include({ 'data.remark': SECRET, 'data.lines[2].note': 'b' });
    expect(bench.faults("- decrypt: { fields: [{ at: remark, was: 'lines[].note' }], keys: patients }")).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.decrypt.fields.0.was: decrypt: lines[].note and remark are not in as many lists',
    ]);
  });

  it('leave a message without the fields as it came', async () => {
    const [outcome] = await bench.perform(`- encrypt: { ${FIELDS} }`, {}, { resources: RING });
    expect(outcome).to.have.nested.property('envelope.id', 'in-1');
  });

  it('tell nothing of a number that cannot be encrypted either', async () => {
    const plan = bench.plan("- encrypt: { fields: ['lines[].note'], keys: patients }");
    expect(plan.routes[0]).to.include({ road: 'isolated' });
    const [outcome] = await bench.perform(
      "- encrypt: { fields: ['lines[].note'], keys: patients }",
      {
        lines: [{ note: 1 }],
      },
      { resources: RING, body: '{"id":"o1","total":5,"lines":[{"note":12345678901234567890123}]}' },
    );
    expect(outcome).to.deep.equal({
      error: 'WB_NUMBER_EXACT step 1 (encrypt): lines[0].note holds a number that JSON cannot hold exactly',
    });
  });

  it('are refused where the contract allows no such text, where the key is, and without a ring', () => {
    expect(bench.faults('- encrypt: { fields: [age, patient.email, id, patient.nme], keys: patients }')).to.deep.equal([
      'WB_MAPPING_TYPE steps.0.encrypt.fields.0: encrypt: an encrypted value is text, and shop.order.placed@1 expects a number at age',
      'WB_MAPPING_TYPE steps.0.encrypt.fields.1: encrypt: an encrypted value is text, and shop.order.placed@1 expects the format email at patient.email',
      'WB_MEDIATOR_OPTION steps.0.encrypt.fields.2: encrypt: shop.order.placed@1 takes the key of messages from id, so it must stay as it is',
      'WB_MAPPING_FIELD steps.0.encrypt.fields.3: encrypt: shop.order.placed@1 declares no field patient.nme',
    ]);
    expect(bench.shownFaults('- decrypt: { fields: [remark], keys: patient }')).to.contain('did you mean patients?');
    expect(bench.faults('- decrypt: { fields: [remark], keys: patients, as: a.b@9 }')).to.have.length(1);
  });
});
