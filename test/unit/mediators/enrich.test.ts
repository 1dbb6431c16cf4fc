import { expect } from 'chai';
import { openHttpSource } from '../../../src/adapters/http/open.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import type { ResourceParts } from '../../../src/runtime/resources.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';
import { answer, HttpServer, json } from '../../support/http-server.ts';
import { message } from '../../support/messages.ts';
import { type Handled, RouteRun } from '../../support/route-run.ts';
import { testLog } from '../../support/targets.ts';

const SOURCES = {
  customers: { http: 'http://crm/customers/{key}', response: 'crm.customer@1', absent: [404] },
  rates: { http: 'http://bank/rates', response: 'bank.rates@1' },
  payments: {
    http: 'http://psp/payments',
    method: 'POST',
    request: 'psp.payment@1',
    response: 'psp.receipt@1',
  },
};

/** A route of orders with these steps to `oms`. */
function sketch(steps: string): DefinitionSketch {
  return {
    contracts: {
      'shop.order.placed@1': object({ id: TEXT, total: NUMBER, 'customer?': TEXT }, { 'x-key': '/id' }),
      'oms.order.create@1': object({ id: TEXT, 'name?': TEXT, 'rate?': NUMBER, 'receipt?': TEXT }, { 'x-key': '/id' }),
      'crm.customer@1': object({ name: TEXT }),
      'bank.rates@1': object({ eur: NUMBER }),
      'psp.payment@1': object({ order: TEXT, amount: { type: 'number', minimum: 0 } }),
      'psp.receipt@1': object({ number: TEXT }),
    },
    sources: SOURCES,
    services: {
      shop: { publishes: ['shop.order.placed@1'] },
      oms: { receives: ['shop.order.placed@1', 'oms.order.create@1'] },
    },
    routes: { r: `from: shop.order.placed@1\nsteps:\n${steps.trim().replaceAll(/^/gm, '  ')}\nto: oms` },
  };
}

function faultsOf(steps: string): string[] {
  const places: string[] = [];
  const { faults } = compilePlan(definition(sketch(steps)), {
    locate: (file, path) => {
      places.push(path.join('.'));
      return { file, line: places.length };
    },
  });
  return faults.map(({ code, message: text, at }) => `${code} ${places[(at?.line ?? 0) - 1] ?? ''}: ${text}`);
}

const NAMED = `
- enrich: { source: customers, key: data.customer.orValue('none'), as: customer }
- map: { to: oms.order.create@1, set: { id: data.id, name: "vars.?customer.?name" } }
`.replace('data.customer.orValue', 'data.?customer.orValue');

describe('enrich and call', () => {
  let server: HttpServer;
  const run = async (steps: string, data: object = {}): Promise<Handled> => {
    const source: ResourceParts['source'] = (name) => {
      const { http, ...settings } = SOURCES[name as keyof typeof SOURCES];
      return Promise.resolve(
        openHttpSource({
          absent: [],
          method: 'GET',
          ...settings,
          name,
          http: http.replace(/^http:\/\/\w+/, server.url),
          timeoutMs: 5_000,
          retry: { attempts: 1, delayMs: 1 },
          size: 1_000,
          depth: 8,
          concurrency: 4,
          breaker: { failures: 10, forMs: 100 },
          clock: systemClock,
          log: testLog,
        } as Parameters<typeof openHttpSource>[0]),
      );
    };
    const route = new RouteRun(planOf(sketch(steps)), 'r', { resources: { source } });
    return route.take(
      message({
        id: 'm1',
        type: 'shop.order.placed',
        source: '/shop',
        key: 'k',
        data: { id: 'o1', total: 5, ...data },
      }),
    );
  };

  beforeEach(async () => {
    server = await HttpServer.start();
  });
  afterEach(async () => {
    await server.close();
  });

  it('has what a source knows at hand in later steps', async () => {
    server.respond = json({ name: 'Ada' });
    expect((await run(NAMED, { customer: 'c/1' })).sent).to.deep.equal(['oms {"id":"o1","name":"Ada"}']);
    expect(server.asked).to.deep.equal(['GET /customers/c%2F1']);
  });

  it('has nothing where the source says that there is no such thing', async () => {
    server.respond = answer(404);
    expect((await run(NAMED)).sent).to.deep.equal(['oms {"id":"o1"}']);
  });

  it('asks a source without a key', async () => {
    server.respond = json({ eur: 2 });
    const steps = `
- enrich: { source: rates, as: rates }
- map: { to: oms.order.create@1, set: { id: data.id, rate: vars.rates.eur * data.total } }`;
    expect((await run(steps)).sent).to.deep.equal(['oms {"id":"o1","rate":10}']);
  });

  it('refuses an answer that breaks its contract, by name and for good', async () => {
    server.respond = json({ name: 7 });
    const { dead } = await run(NAMED);
    expect(dead).to.match(
      /^WB_SOURCE_ANSWER step 1 \(enrich\): what the source customers answered is no crm\.customer@1:/,
    );
  });

  it('sends a mapping, with an id that is the same when it is sent again, and has the answer at hand', async () => {
    server.respond = json({ number: 'n-1' });
    const steps = `
- call: { source: payments, set: { order: data.id, amount: data.total }, as: receipt }
- map: { to: oms.order.create@1, set: { id: data.id, receipt: vars.receipt.number } }`;
    for (const total of [5, 5, 6])
      expect((await run(steps, { total })).sent).to.deep.equal(['oms {"id":"o1","receipt":"n-1"}']);
    expect(server.asked[0]).to.equal('POST /payments {"order":"o1","amount":5}');
    const ids = server.headers.map((headers) => headers['idempotency-key']);
    expect(new Set(ids).size).to.equal(1);
  });

  it('has another id for each step, and for each part of a message, however alike', async () => {
    server.respond = json({ number: 'n-1' });
    const pay = '- call: { source: payments, set: { order: data.id, amount: data.total } }';
    await run(`- split: { each: "[1, 1]", as: part }\n${pay}\n${pay}`);
    expect(server.asked).to.have.length(4);
    expect(new Set(server.asked).size).to.equal(1);
    expect(new Set(server.headers.map((headers) => headers['idempotency-key'])).size).to.equal(4);
  });

  it('lets what may heal be tried again', async () => {
    server.respond = answer(500);
    let thrown: unknown;
    try {
      await run(NAMED);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).to.include({ code: 'WB_SOURCE_FAILED', retryable: true });
  });

  it('is checked against what the source declares', () => {
    expect(faultsOf('- enrich: { source: customer, key: data.id, as: c }')).to.deep.equal([
      'WB_SOURCE_UNKNOWN steps.0.enrich.source: there is no source customer',
    ]);
    expect(faultsOf('- enrich: { source: customers, as: c }')).to.deep.equal([
      'WB_SOURCE_KIND steps.0.enrich: the address of the source customers has a {key}, and there is no key here',
    ]);
    expect(faultsOf('- enrich: { source: rates, key: data.id, as: c }')).to.deep.equal([
      'WB_SOURCE_KIND steps.0.enrich.key: the address of the source rates has no {key}, so the key would go nowhere',
    ]);
    expect(faultsOf('- enrich: { source: payments, as: c }')[0]).to.match(/^WB_SOURCE_KIND .*asked by POST$/);
    expect(faultsOf('- enrich: { source: rates, as: 1c }')[0]).to.match(/^WB_MEDIATOR_OPTION steps.0.enrich.as/);
    expect(faultsOf('- call: { source: payments }')).to.deep.equal([
      'WB_SOURCE_KIND steps.0.call.source: the source payments takes psp.payment@1, and the data is shop.order.placed@1 here',
    ]);
    expect(faultsOf('- call: { source: payments, set: { order: data.id } }')[0]).to.contain('amount');
    expect(faultsOf('- call: { source: rates, set: { order: data.id } }')[0]).to.match(
      /^WB_SOURCE_KIND .*GET sends nothing/,
    );
    // What may be absent has to be read as such.
    expect(
      faultsOf(
        '- enrich: { source: customers, key: data.id, as: c }\n- map: { to: oms.order.create@1, set: { id: data.id, name: vars.c.name } }',
      )[0],
    ).to.match(/^WB_EXPRESSION_ABSENT|^WB_MAPPING/);
    expect(faultsOf(NAMED)).to.deep.equal([]);
  });
});
