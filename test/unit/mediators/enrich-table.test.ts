import { expect } from 'chai';
import { compilePlan } from '../../../src/plan/compile.ts';
import type { Tables } from '../../../src/ports/lookup.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';

const ORDER = 'shop.order.placed@1';

function sketch(
  steps: string,
  more = '',
  row: object = object({ code: TEXT, name: TEXT, 'vat?': NUMBER }),
): DefinitionSketch {
  return {
    contracts: {
      [ORDER]: object({ id: TEXT, country: TEXT }, { 'x-key': '/id' }),
      'oms.order.create@1': object({ id: TEXT, 'name?': TEXT, 'vat?': NUMBER }, { 'x-key': '/id' }),
      'geo.country@1': row,
    },
    sources: {
      countries: { table: { file: 'countries.csv', key: 'code' }, response: 'geo.country@1' },
      rates: { http: 'http://bank/rates', response: 'geo.country@1' },
    },
    services: { shop: { publishes: [ORDER] }, oms: { receives: [ORDER, 'oms.order.create@1'] } },
    routes: { r: `from: ${ORDER}\n${more}\nsteps:\n${steps.trim().replaceAll(/^/gm, '  ')}\nto: oms` },
  };
}

function faultsOf(...of: Parameters<typeof sketch>): string[] {
  const { faults } = compilePlan(definition(sketch(...of)), {
    locate: (_file, path) => ({ file: path.join('.'), line: 1 }),
  });
  return faults.map(({ code, at, message: text, fix }) => `${code} ${at?.file ?? ''}: ${text} (${fix ?? ''})`);
}

const ROWS: Readonly<Record<string, unknown>> = {
  DE: { code: 'DE', name: 'Germany', vat: 19 },
  FR: { code: 'FR', name: 'France' },
};
const TABLES: Tables = { find: (table, key) => (table === 'countries' ? ROWS[key] : undefined) };

/** What becomes of an order by the router, in text. */
function routed(country: string, steps: string, more?: string, tables: Tables | undefined = TABLES): string {
  const plan = planOf(sketch(steps, more));
  expect(plan.routes[0]).to.include({ road: 'inline', endpoint: 'router' });
  const result = plan
    .program('router', tables)
    ?.run(message({ source: '/shop', type: 'shop.order.placed', data: { id: 'a', country } }));
  const [death] = result?.deaths ?? [];
  if (death !== undefined) return `${death.code} ${death.error}`;
  return (result?.sends ?? []).map(({ message: sent }) => Buffer.from(sent.body).toString()).join('\n');
}

const NAMED = `
- enrich: { source: countries, key: data.country, as: land }
- map: { to: oms.order.create@1, set: { id: data.id, name: vars.?land.?name, vat: vars.?land.?vat } }
`;

describe('tables in routes', () => {
  it('are looked up by enrich, on the inline road', () => {
    expect(routed('DE', NAMED)).to.equal('{"id":"a","name":"Germany","vat":19}');
    expect(routed('FR', NAMED)).to.equal('{"id":"a","name":"France"}');
    expect(routed('XX', NAMED)).to.equal('{"id":"a"}');
  });

  it('are looked up by lookup(), in mappings and predicates', () => {
    const steps = `- map: { to: oms.order.create@1, set: { id: data.id, name: "lookup('countries', data.country).name.orValue('?')" } }`;
    expect(routed('DE', steps)).to.equal('{"id":"a","name":"Germany"}');
    expect(routed('XX', steps)).to.equal('{"id":"a","name":"?"}');
    const left = `- map: { to: oms.order.create@1, set: { id: data.id, name: "lookup('countries', data.country).name" } }`;
    expect(routed('DE', left)).to.equal('{"id":"a","name":"Germany"}');
    expect(routed('XX', left)).to.equal('{"id":"a"}');
    const high = `when: lookup('countries', data.country).?vat.orValue(0) > 10`;
    expect(routed('DE', steps, high)).to.equal('{"id":"a","name":"Germany"}');
    expect(routed('FR', steps, high)).to.equal('');
    const known = `when: lookup('countries', data.country).hasValue()`;
    expect([routed('XX', steps, known), routed('FR', steps, known)]).to.deep.equal(['', '{"id":"a","name":"France"}']);
  });

  it('are looked up anew for each message', () => {
    const rows: Record<string, unknown> = {};
    const program = planOf(sketch(NAMED)).program('router', { find: (_table, key) => rows[key] });
    const sent = () => {
      const input = message({ source: '/shop', type: 'shop.order.placed', data: { id: 'a', country: 'DE' } });
      return Buffer.from(program?.run(input).sends[0]?.message.body ?? []).toString();
    };
    expect(sent()).to.equal('{"id":"a"}');
    rows['DE'] = { code: 'DE', name: 'Germany' };
    expect(sent()).to.equal('{"id":"a","name":"Germany"}');
  });

  it('are missing by name in a process that has none', () => {
    const plan = planOf(sketch(NAMED));
    const input = message({ source: '/shop', type: 'shop.order.placed', data: { id: 'a', country: 'DE' } });
    expect(plan.program('router')?.run(input).deaths[0]).to.include({
      code: 'WB_RESOURCE_MISSING',
      error: 'step 1 (enrich): this process has no table countries',
    });
  });

  it('are checked: names, keys, types, and who may ask them', () => {
    const set = (value: string) => `- map: { to: oms.order.create@1, set: { id: data.id, name: "${value}" } }`;
    expect(faultsOf(set("lookup('contries', data.country).orValue('')"))).to.deep.equal(
      ['WB_EXPRESSION_FUNCTION routes.0: there is no table contries (did you mean countries?)'].map((line) =>
        line.replace('routes.0', 'steps.0.map.set.name'),
      ),
    );
    expect(faultsOf(set("lookup('rates', data.country).name"))[0]).to.contain('there is no table rates');
    expect(faultsOf(set("lookup('countries', data.country).nmae.orValue('')"))[0]).to.contain('did you mean');
    expect(faultsOf(set("lookup('countries', data.country).vat"))[0]).to.match(/^WB_MAPPING_TYPE/);
    expect(faultsOf(set("upper(lookup('countries', data.country).name)"))[0]).to.match(/^WB_EXPRESSION_/);
    expect(faultsOf('- enrich: { source: countries, as: land }')).to.deep.equal([
      'WB_SOURCE_KIND steps.0.enrich: the table countries is asked by a key, and there is no key here (add key: with what to ask for)',
    ]);
    expect(faultsOf('- call: { source: countries, key: data.country }')).to.deep.equal([
      'WB_SOURCE_KIND steps.0.call.source: call sends something, and the source countries is a table (use enrich to look something up)',
    ]);
    const [optional, unknown] = [object({ 'code?': TEXT }), object({ kode: TEXT })].map((row) =>
      faultsOf('- filter: data.id != ""', '', row),
    );
    expect(optional).to.deep.equal([
      'WB_TABLE_INVALID sources.countries.table.key: countries: the key code is optional in geo.country@1, and every row needs one (Add code to `required` of geo.country@1.)',
    ]);
    expect(unknown).to.deep.equal([
      'WB_TABLE_INVALID sources.countries.table.key: countries: the key code is not in geo.country@1 (did you mean kode?)',
    ]);
  });
});
