import { expect } from 'chai';
import { showJson } from '../../../src/json.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import { type DefinitionSketch, definition, object, planOf, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';
import { RouteRun } from '../../support/route-run.ts';

const DOC = object(
  { id: TEXT, 'body?': {}, 'meta?': object({ 'text?': TEXT }), 'n?': { type: 'number' } },
  { 'x-key': '/id' },
);
const BODY = { text: 'x'.repeat(2_000), list: [1, 2, 3] };

function busOf(steps: string, back = '- claim-check: { fetch: { field: body } }'): DefinitionSketch {
  const indented = (text: string): string => text.replaceAll(/^/gm, '  ');
  return {
    contracts: {
      'doc.made@1': DOC,
      'doc.told@1': object({ id: TEXT, claim: TEXT }, { 'x-key': '/id' }),
    },
    services: {
      maker: { publishes: ['doc.made@1', 'doc.told@1'] },
      oms: { receives: ['doc.made@1', 'doc.told@1'] },
    },
    routes: {
      r: `from: doc.made@1\nsteps:\n${indented(steps)}\nto: oms`,
      back: `from: [doc.made@1]\nsteps:\n${indented(back)}\nto: oms`,
      told: `from: doc.told@1
steps:
  - claim-check: { fetch: { claim: data.claim, as: doc, type: doc.made@1 } }
  - map: { to: doc.made@1, set: { id: data.id, body: vars.doc.?body } }
to: oms`,
    },
  };
}

const doc = (data: object): ReturnType<typeof message> =>
  message({ id: 'd', type: 'doc.made', data: { id: 'a', ...data } });
const PUT = '- claim-check: { field: body, over: 1KiB, keep: 1h }';

function sentData(sent: readonly string[]): Record<string, unknown> {
  return JSON.parse((sent[0] ?? '').replace(/^\S+ /, '')) as Record<string, unknown>;
}

describe('claim-check', () => {
  it('puts a large field away, a claim in its place, and another route brings it back', async () => {
    const plan = planOf(busOf(PUT));
    const put = new RouteRun(plan, 'r');
    const { sent } = await put.take(doc({ body: BODY }));
    const told = sentData(sent);
    expect(told).to.have.property('id', 'a');
    expect(told['body']).to.match(/^claim:v1:[A-Za-z0-9_-]{43}:\d+$/);
    expect(put.stored.entries()).to.have.property(`shared.claims ${String(told['body']).split(':')[2] ?? ''}`);
    const back = new RouteRun(plan, 'back', { after: put });
    expect(sentData((await back.take(doc({ body: told['body'] }))).sent)).to.deep.equal({ id: 'a', body: BODY });
    // It is there for whoever asks next.
    expect(sentData((await back.take(doc({ body: told['body'] }))).sent)).to.deep.equal({ id: 'a', body: BODY });
  });

  it('leaves alone what is small, absent, or a claim already, byte for byte', async () => {
    const plan = planOf(busOf(PUT));
    const input = doc({ body: 'small' });
    const run = new RouteRun(plan, 'r');
    expect((await run.take(input)).result.sends[0]?.message.body).to.equal(input.body);
    const none = doc({});
    expect((await run.take(none)).result.sends[0]?.message.body).to.equal(none.body);
    const claimed = doc({ body: `claim:v1:${'B'.repeat(43)}:5000` });
    expect((await run.take(claimed)).result.sends[0]?.message.body).to.equal(claimed.body);
    expect(run.stored.entries()).to.deep.equal({});
  });

  it('keeps the same once, and longer each time it is put away', async () => {
    const plan = planOf(busOf(PUT));
    const run = new RouteRun(plan, 'r');
    const first = sentData((await run.take(doc({ body: BODY }))).sent)['body'];
    await run.advance(40 * 60_000);
    expect(sentData((await run.take({ ...doc({ body: BODY }) })).sent)['body']).to.equal(first);
    expect(Object.keys(run.stored.entries())).to.have.length(1);
    const back = new RouteRun(plan, 'back', { after: run });
    await back.advance(40 * 60_000);
    expect((await back.take(doc({ body: first }))).dead).to.equal(undefined);
    await back.advance(40 * 60_000);
    expect((await back.take(doc({ body: first }))).dead).to.match(
      /^WB_CLAIM_UNKNOWN step 1 \(claim-check\): the store does not have claim:v1:\S+ \(any more\)$/,
    );
  });

  it('puts all of the data away, so that a mapping tells only the claim', async () => {
    const steps = `- claim-check: { as: claim }
- map: { to: doc.told@1, set: { id: data.id, claim: vars.claim } }`;
    const plan = planOf(busOf(steps));
    const put = new RouteRun(plan, 'r');
    const told = sentData((await put.take(doc({ body: BODY }))).sent);
    expect(Object.keys(told)).to.deep.equal(['id', 'claim']);
    const back = new RouteRun(plan, 'told', { after: put });
    const asks = message({ type: 'doc.told', data: told });
    expect(sentData((await back.take(asks)).sent)).to.deep.equal({ id: 'a', body: BODY });
    const no = message({ type: 'doc.told', data: { id: 'a', claim: 'mine' } });
    expect((await back.take(no)).dead).to.equal('WB_CLAIM_UNKNOWN step 1 (claim-check): data.claim is no claim');
  });

  it('keeps numbers exactly as they were written', async () => {
    const plan = planOf(busOf(PUT));
    const run = new RouteRun(plan, 'r');
    const body = Buffer.from(`{"id":"a","body":{"big":12345678901234567890,"text":"${'x'.repeat(2_000)}"}}`);
    const { result } = await run.take(message({ type: 'doc.made', body }));
    expect(result.deaths).to.deep.equal([]);
    expect(showJson(Object.values(run.stored.entries()))).to.contain('1234567890123456');
  });

  it('is checked against the contract', () => {
    const faults = (steps: string): string[] =>
      compilePlan(definition(busOf(steps))).faults.map(({ code, message: text }) => `${code} ${text}`);
    expect(faults('- claim-check: { field: n }')).to.deep.equal([
      'WB_MAPPING_TYPE claim-check: a claim is text, and doc.made@1 expects a number at n',
    ]);
    expect(faults('- claim-check: { field: id }')[0]).to.contain('takes the key of messages from id');
    expect(faults('- claim-check: { field: bdy }')[0]).to.contain('declares no field bdy');
    expect(faults('- claim-check: { field: body, as: x }')[0]).to.contain('one of field, as and fetch');
    expect(faults('- claim-check: { as: x, over: 2KiB }')[0]).to.contain('over is for field');
    expect(faults('- claim-check: { fetch: { field: body, claim: data.id } }')[0]).to.contain('fetch has either field');
    expect(faults('- claim-check: { fetch: { claim: data.id } }')[0]).to.contain('fetch has either field');
    expect(faults('- claim-check: { field: body, over: 1B }')[0]).to.contain('expected a size from 1KiB to 14MiB');
  });
});
