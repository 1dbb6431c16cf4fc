import { expect } from 'chai';
import fc from 'fast-check';
import type { EncodedMessage } from '../../../src/message.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import type { Program, ProgramResult } from '../../../src/plan/plan.ts';
import type { Mediator } from '../../../src/ports/mediator.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';

const ORDER = object({ id: TEXT, total: NUMBER, 'note?': TEXT, 'customer?': TEXT }, { 'x-key': '/id' });
const CREATE = object({ orderId: TEXT, total: { type: 'number', minimum: 0 }, 'note?': TEXT }, { 'x-key': '/orderId' });
const PLACED = 'shop.order.placed@1';
const BUS: DefinitionSketch = {
  contracts: {
    [PLACED]: ORDER,
    'shop.order.paid@1': ORDER,
    'oms.order.create@1': CREATE,
    'log.note@1': object({ text: TEXT }),
  },
  services: {
    shop: { publishes: [PLACED, 'shop.order.paid@1'] },
    oms: { receives: [PLACED, 'shop.order.paid@1', 'oms.order.create@1'] },
    wms: { receives: [PLACED, 'oms.order.create@1'] },
  },
};
const CREATE_STEP = 'map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total, note: data.?note } }';

function router(routes: Record<string, string>, more: DefinitionSketch = {}, mediators?: readonly Mediator[]): Program {
  const plan = planOf({ ...BUS, ...more, routes }, mediators === undefined ? {} : { mediators });
  const program = plan.program('router');
  if (program === undefined) throw new Error('no route is inline');
  return program;
}

function order(data: object, envelope: Partial<EncodedMessage['envelope']> = {}): EncodedMessage {
  return message({
    id: 'in-1',
    source: '/shop',
    type: 'shop.order.placed',
    version: 1,
    key: 'k',
    data: { id: 'o1', total: 5, ...data },
    ...envelope,
  });
}

function targets({ sends }: ProgramResult): string[] {
  return sends.map(
    ({ to, message: { envelope } }) =>
      `${typeof to === 'object' && 'endpoint' in to ? to.endpoint : 'bus'} ${envelope.type}@${String(envelope.version)}`,
  );
}

function dataOf({ sends }: ProgramResult): unknown[] {
  return sends.map((send) => JSON.parse(Buffer.from(send.message.body).toString()) as unknown);
}

describe('the program of the router', () => {
  it('sends what the predicate lets in, and tells what it filtered', () => {
    const program = router({ big: `from: ${PLACED}\nwhen: data.total > 3\nto: oms` });
    const taken = program.run(order({}));
    expect(targets(taken)).to.deep.equal(['oms shop.order.placed@1']);
    expect(taken).to.deep.include({ deaths: [], filtered: false, unknown: false });
    expect(taken.counts).to.deep.equal([
      ['big', 'in', 1],
      ['big', 'out', 1],
    ]);
    const left = program.run(order({ total: 2 }));
    expect(left).to.deep.include({ sends: [], deaths: [], filtered: true, unknown: false });
    expect(left.counts).to.deep.equal([
      ['big', 'in', 1],
      ['big', 'filtered', 1],
    ]);
  });

  it('takes no type that none of its routes takes', () => {
    const program = router({ big: `from: ${PLACED}\nwhen: data.total > 3\nto: oms` });
    expect(program.run(order({}, { version: 2 }))).to.deep.equal({
      sends: [],
      deaths: [],
      filtered: false,
      unknown: true,
      counts: [],
    });
  });

  it('runs the steps first, so that branches and destinations see what they made', () => {
    const program = router({
      a: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: [{ service: oms, when: data.orderId == 'o1' }, { service: wms, when: data.total > 100 }]`,
    });
    expect(targets(program.run(order({})))).to.deep.equal(['oms oms.order.create@1']);
  });

  it('takes the first branch of choose that matches, and only it', () => {
    const program = router({
      a: `from: ${PLACED}\nchoose: [{ when: data.total > 100, to: wms }, { when: data.total > 10, to: [oms, wms] }, { otherwise: oms }]`,
    });
    expect(targets(program.run(order({ total: 101 })))).to.deep.equal(['wms shop.order.placed@1']);
    expect(targets(program.run(order({ total: 11 })))).to.deep.equal([
      'oms shop.order.placed@1',
      'wms shop.order.placed@1',
    ]);
    expect(targets(program.run(order({ total: 1 })))).to.deep.equal(['oms shop.order.placed@1']);
  });

  it('filters when no branch matches and there is no otherwise', () => {
    const program = router({ a: `from: ${PLACED}\nchoose: [{ when: data.total > 100, to: wms }]` });
    expect(program.run(order({})).filtered).to.equal(true);
  });

  it('takes an absent field in a predicate as no match', () => {
    const program = router({ a: `from: ${PLACED}\nwhen: data.note == 'x'\nto: oms` });
    expect(program.run(order({})).filtered).to.equal(true);
    expect(targets(program.run(order({ note: 'x' })))).to.have.length(1);
  });

  it('lets every route take the message, results in the order of the routes', () => {
    const program = router({
      b: `from: ${PLACED}\nwhen: data.total > 1\nto: wms`,
      a: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: oms`,
      c: `from: ${PLACED}\nwhen: data.total > 10\nto: oms`,
    });
    const result = program.run(order({}));
    expect(targets(result)).to.deep.equal(['wms shop.order.placed@1', 'oms oms.order.create@1']);
    expect(result.counts.filter(([, what]) => what !== 'in')).to.have.deep.members([
      ['b', 'out', 1],
      ['a', 'out', 1],
      ['c', 'filtered', 1],
    ]);
  });

  describe('what it did not change', () => {
    it("passes through byte for byte, under the publisher's id", () => {
      const body = Buffer.from('{ "id":"o1",\n "total": 12345678901234567890, "u":"\\u00e9" }');
      const program = router({ a: `from: ${PLACED}\nwhen: data.id == 'o1'\nto: oms` });
      const input = message({ type: 'shop.order.placed', body });
      expect(program.run(input).sends).to.deep.equal([{ to: { endpoint: 'oms' }, message: input }]);
    });

    it('passes any JSON through byte for byte, also where only the envelope was set', () => {
      const program = router({
        a: `from: ${PLACED}\nwhen: meta.key == 'k'\nto: oms`,
        b: `from: ${PLACED}\nsteps: [set: { headers: { seen: 'true' }, subject: "'s'", key: "'other'" }]\nto: wms`,
      });
      fc.assert(
        fc.property(fc.json(), (text) => {
          const body = Buffer.from(text);
          const { sends, deaths } = program.run(message({ type: 'shop.order.placed', key: 'k', body }));
          expect(deaths).to.deep.equal([]);
          expect(sends.map((send) => Buffer.compare(send.message.body, body))).to.deep.equal([0, 0]);
          expect(sends[1]?.message.envelope).to.deep.include({ subject: 's', key: 'other', headers: { seen: 'true' } });
        }),
      );
    });

    it('is not parsed where no route looks at it', () => {
      const program = router({ a: `from: ${PLACED}\nto: wms`, b: `from: ${PLACED}\nto: wms` });
      expect(program.run(order({}, {})).sends).to.have.length(2);
      const broken = message({ type: 'shop.order.placed', body: Buffer.from('{') });
      expect(program.run(broken)).to.deep.include({ deaths: [] });
    });
  });

  describe('results', () => {
    let program: Program;
    before(() => {
      program = router({ create: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: [oms, wms]` });
    });

    it('carry the conversation, the trace and the time of the input', () => {
      const input = order(
        { note: 'n' },
        {
          time: '2026-03-04T05:06:07Z',
          subject: 's',
          traceparent: '00-a',
          tracestate: 'b=c',
          expiryTime: '2027-01-01T00:00:00Z',
          headers: { region: 'eu' },
        },
      );
      const [first] = program.run(input).sends;
      const { id, ...envelope } = first?.message.envelope ?? { id: '' };
      expect(id).to.match(/^[A-Za-z0-9_-]{27}$/);
      expect(envelope).to.deep.equal({
        source: '/retail/create',
        type: 'oms.order.create',
        version: 1,
        time: '2026-03-04T05:06:07Z',
        subject: 's',
        key: 'o1',
        traceparent: '00-a',
        tracestate: 'b=c',
        expiryTime: '2027-01-01T00:00:00Z',
        headers: { region: 'eu' },
        correlationId: 'in-1',
        causationId: 'in-1',
      });
      const [later] = program.run(order({}, { correlationId: 'began' })).sends;
      expect(later?.message.envelope).to.include({ correlationId: 'began', causationId: 'in-1' });
    });

    it('are one message to all destinations that get the same', () => {
      const { sends } = program.run(order({}));
      expect(sends.map(({ message: { envelope } }) => envelope.id)).to.satisfy(
        ([a, b]: string[]) => a === b && a !== 'in-1',
      );
    });

    it('leave out what is absent', () => {
      expect(dataOf(program.run(order({})))[0]).to.deep.equal({ orderId: 'o1', total: 5 });
    });

    it('have the same ids whenever they are made, and others for every other input, source, route and result', () => {
      const two = router({
        one: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: oms`,
        two: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: oms`,
      });
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.tuple(fc.string({ maxLength: 8 }), fc.constantFrom('/shop', '/pos', '/')), {
            maxLength: 20,
            selector: (pair) => pair.join('\0'),
          }),
          (inputs) => {
            const ids = (): string[] =>
              inputs.flatMap(([id, source]) =>
                two.run(order({}, { id, source })).sends.map((send) => send.message.envelope.id),
              );
            const made = ids();
            expect(ids()).to.deep.equal(made);
            expect(new Set(made).size).to.equal(inputs.length * 2);
          },
        ),
      );
    });

    it('have ids of their own where two routes may bring a service the same message', () => {
      const both = router({
        one: `from: ${PLACED}\nwhen: data.total > 1\nto: oms`,
        two: `from: ${PLACED}\nwhen: data.total > 2\nto: [oms, wms]`,
      });
      const { sends } = both.run(order({}));
      const [first, second, third] = sends.map(({ message: { envelope } }) => envelope);
      expect([first?.id, second?.id]).not.to.include('in-1');
      expect(first?.id).not.to.equal(second?.id);
      expect(first).to.include({ source: '/retail/one', causationId: 'in-1' });
      expect(third).to.include({ id: 'in-1', source: '/shop' });
      // The other route's predicate does not matter, so that a repeat after a redrive has the same id.
      const [alone] = both.run(order({ total: 2 })).sends;
      expect(alone?.message.envelope.id).to.equal(first?.id);
    });

    it('have ids of their own where an isolated route brings a service the same message too', () => {
      const plan = planOf({
        ...BUS,
        routes: {
          one: `from: ${PLACED}\nwhen: data.total > 1\nto: oms`,
          slow: `from: ${PLACED}\nisolate: true\nto: oms`,
        },
      });
      const ids = ['router', 'route.slow']
        .flatMap((endpoint) => plan.program(endpoint)?.run(order({})).sends ?? [])
        .map(({ message: { envelope } }) => envelope.id);
      expect(new Set([...ids, 'in-1']).size).to.equal(3);
    });

    it('go to a service once, however many destinations of the route ask for it', () => {
      const repeated = router({
        a: `from: ${PLACED}\nto: [{ service: oms, when: data.total > 1 }, { service: oms, when: data.id == 'o1' }]`,
      });
      expect(targets(repeated.run(order({})))).to.deep.equal(['oms shop.order.placed@1']);
    });

    it('take a key that a step set, until a later step makes new data', () => {
      const key = (steps: string): string | undefined =>
        router({ a: `from: ${PLACED}\nsteps: [${steps}]\nto: oms` }).run(order({ customer: 'c1' })).sends[0]?.message
          .envelope.key;
      expect(key(`{ ${CREATE_STEP} }, { set: { key: data.total } }`)).to.equal('5');
      expect(key(`{ set: { key: "'mine'" } }, { ${CREATE_STEP} }`)).to.equal('o1');
      expect(key(`{ set: { data: { id: "'o2'" } } }`)).to.equal('o2');
      expect(key(`{ set: { data: { id: "'o2'" }, key: "'k2'" } }`)).to.equal('k2');
      expect(key(`{ set: { headers: { a: "'b'" } } }`)).to.equal('k');
    });

    it('keep the key where the new contract names none', () => {
      const note = router(
        { a: `from: ${PLACED}\nsteps: [map: { to: log.note@1, set: { text: data.id } }]\nto: oms` },
        { services: { ...BUS.services, oms: { receives: ['log.note@1'] } } },
      );
      expect(note.run(order({})).sends[0]?.message.envelope).to.include({ key: 'k', type: 'log.note' });
    });
  });

  describe('casts', () => {
    const casts = { [`${PLACED}-2`]: { up: { id: 'data.id', total: 'data.total', currency: { $const: 'EUR' } } } };
    const contracts = {
      ...BUS.contracts,
      'shop.order.placed@2': object({ id: TEXT, total: NUMBER, currency: TEXT }, { 'x-key': '/id' }),
    };
    const services = {
      shop: { publishes: [PLACED, 'shop.order.placed@2'] },
      oms: { receives: ['shop.order.placed@2'] },
    };

    it('bring older messages up before the predicate sees them', () => {
      const program = router(
        { a: `from: shop.order.placed@2\nwhen: data.currency == 'EUR'\nto: oms` },
        { casts, contracts, services },
      );
      const result = program.run(order({}, { key: 'chosen' }));
      expect(targets(result)).to.deep.equal(['oms shop.order.placed@2']);
      expect(dataOf(result)).to.deep.equal([{ id: 'o1', total: 5, currency: 'EUR' }]);
      expect(result.sends[0]?.message.envelope).to.include({ key: 'chosen', causationId: 'in-1' });
      expect(program.run(order({ currency: 'USD' }, { version: 2 })).filtered).to.equal(true);
      expect(program.run(order({ currency: 'EUR' }, { version: 2 })).sends[0]?.message.envelope.id).to.equal('in-1');
    });

    it('bring messages to the major that the service receives, beside routes that take them as they are', () => {
      const program = router(
        { b: `from: shop.order.placed@2\nto: oms`, a: `from: ${PLACED}\nwhen: data.total > 1\nto: [oms, wms]` },
        { casts, contracts, services: { ...services, wms: { receives: [PLACED] } } },
      );
      const result = program.run(order({}));
      expect(targets(result)).to.deep.equal([
        'oms shop.order.placed@2',
        'oms shop.order.placed@2',
        'wms shop.order.placed@1',
      ]);
      expect(new Set(result.sends.map(({ message: { envelope } }) => envelope.id)).size).to.equal(3);
      expect(result.sends[2]?.message.envelope.id).to.equal('in-1');
    });

    it('do not change the order of results, which is that of the routes', () => {
      const program = router(
        {
          a: `from: ${PLACED}\nwhen: data.total > 1\nto: wms`,
          b: `from: shop.order.placed@2\nto: oms`,
          c: `from: ${PLACED}\nwhen: data.total > 1\nto: oms`,
        },
        { casts, contracts, services: { ...services, wms: { receives: [PLACED] } } },
      );
      expect(targets(program.run(order({}))).map((target) => target.split(' ')[0])).to.deep.equal([
        'wms',
        'oms',
        'oms',
      ]);
      const sources = program.run(order({})).sends.map(({ message: { envelope } }) => envelope.source);
      expect(sources).to.deep.equal(['/shop', '/retail/b', '/retail/c']);
    });

    it('take a message that is still under way when nobody publishes its major any more', () => {
      const program = router(
        { a: `from: shop.order.placed@2\nwhen: data.total > 1\nto: oms` },
        { casts, contracts, services: { ...services, shop: { publishes: ['shop.order.placed@2'] } } },
      );
      expect(targets(program.run(order({})))).to.deep.equal(['oms shop.order.placed@2']);
    });
  });

  describe('faults', () => {
    it('of one route leave the others alone, and nothing of the failed route goes out', () => {
      const program = router({
        bad: `from: ${PLACED}\nsteps: [map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total - 100 } }]\nto: [oms, wms]`,
        good: `from: ${PLACED}\nwhen: data.total > 1\nto: wms`,
      });
      const result = program.run(order({}));
      expect(targets(result)).to.deep.equal(['wms shop.order.placed@1']);
      expect(result.deaths).to.have.length(1);
      expect(result.deaths[0]).to.deep.include({ code: 'WB_CONTRACT_VIOLATED', route: 'bad', attempts: [] });
      expect(result.counts.filter(([, what]) => what !== 'in')).to.have.deep.members([
        ['bad', 'faulted', 1],
        ['good', 'out', 1],
      ]);
      expect(result.filtered).to.equal(false);
    });

    it('in a later destination take back the results of earlier ones', () => {
      const program = router({ a: `from: ${PLACED}\nto: [wms, { service: oms, when: number(data.id) > 1 }]` });
      const result = program.run(order({}));
      expect(result.sends).to.deep.equal([]);
      expect(result.deaths.map(({ route }) => route)).to.deep.equal(['a']);
    });

    it('name the step', () => {
      const program = router({
        a: `from: ${PLACED}\nsteps: [{ filter: data.total > 1 }, { map: { set: { id: data.id, total: number(data.id) } } }]\nto: oms`,
      });
      expect(program.run(order({})).deaths[0]?.error).to.match(/^step 2 \(map\): /);
    });

    it('of a body that is not JSON, not UTF-8 or too deep are one death, and nothing goes out', () => {
      const program = router({
        a: `from: ${PLACED}\nwhen: data.total > 1\nto: oms`,
        b: `from: ${PLACED}\nwhen: data.total > 2\nto: oms`,
      });
      const codes = (body: Buffer): unknown => {
        const { sends, deaths } = program.run(message({ type: 'shop.order.placed', body }));
        expect(sends).to.deep.equal([]);
        return deaths.map(({ code, route }) => [code, route]);
      };
      expect(codes(Buffer.from('{"a":'))).to.deep.equal([['WB_JSON_INVALID', undefined]]);
      expect(codes(Buffer.from([0x22, 0xff, 0x22]))).to.deep.equal([['WB_JSON_UTF8', undefined]]);
      expect(codes(Buffer.from('['.repeat(65) + ']'.repeat(65)))).to.deep.equal([['WB_JSON_DEPTH', undefined]]);
    });

    it('of a message, or a result, over the limit say so', () => {
      const limits = { size: 60, depth: 64, parking: 1000 };
      const program = router(
        { a: `from: ${PLACED}\nsteps: [map: { set: { id: data.id + data.id, total: data.total } }]\nto: oms` },
        { limits },
      );
      expect(program.run(order({ id: 'x'.repeat(60) })).deaths[0]).to.include({ code: 'WB_MESSAGE_TOO_LARGE' });
      expect(program.run(order({ id: 'x'.repeat(30) })).deaths[0]).to.include({
        code: 'WB_MESSAGE_TOO_LARGE',
        route: 'a',
      });
      expect(program.run(order({ id: 'x' })).deaths).to.deep.equal([]);
    });

    it('of a number that cannot be rewritten name it', () => {
      const program = router({ a: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: oms` });
      const body = Buffer.from('{"id":"o1","total":12345678901234567890}');
      expect(program.run(message({ type: 'shop.order.placed', body })).deaths[0]).to.include({
        code: 'WB_NUMBER_EXACT',
        route: 'a',
      });
    });

    it('of a mediator that throws or returns something else are deaths of the route', () => {
      const rude: Mediator = {
        name: 'rude',
        describe: 'Misbehaves.',
        options: { enum: ['throw', 'return'] },
        prepare: (options) => ({
          run: (each) => {
            if (options === 'throw') throw new TypeError('no');
            return { ...each, with: () => each };
          },
        }),
      };
      const error = (how: string): string | undefined =>
        router({ a: `from: ${PLACED}\nsteps: [rude: ${how}]\nto: oms` }, {}, [rude])
          .run(order({}))
          .deaths.map(({ code, error: text }) => `${code} ${text}`)[0];
      expect(error('throw')).to.equal('WB_STEP_FAILED step 1 (rude): no');
      expect(error('return')).to.equal('WB_STEP_FAILED step 1 (rude): it returned something that is not a message');
    });
  });

  describe('onError', () => {
    const failing = `from: ${PLACED}\nsteps: [map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total - 100 } }]\nto: oms`;

    it('gets the message as it came instead of a dead letter', () => {
      const result = router({ a: `${failing}\nonError: wms` }).run(order({}));
      expect(result.deaths).to.deep.equal([]);
      expect(targets(result)).to.deep.equal(['wms shop.order.placed@1']);
      expect(result.sends[0]?.message.envelope.id).to.equal('in-1');
      expect(result.counts).to.deep.equal([
        ['a', 'in', 1],
        ['a', 'faulted', 1],
        ['a', 'out', 1],
      ]);
    });

    it('leaves a dead letter when none of its destinations takes the message', () => {
      const result = router({ a: `${failing}\nonError: { service: wms, when: data.total > 50 }` }).run(order({}));
      expect(result.sends).to.deep.equal([]);
      expect(result.deaths[0]).to.include({ code: 'WB_CONTRACT_VIOLATED', route: 'a' });
    });

    it('lets it go nowhere where it is ignored, which is counted', () => {
      const ignored = router({ a: `${failing}\nonError: { ignore: true }` }).run(order({}));
      expect(ignored).to.deep.equal({
        sends: [],
        deaths: [],
        filtered: true,
        unknown: false,
        counts: [
          ['a', 'in', 1],
          ['a', 'faulted', 1],
          ['a', 'ignored', 1],
        ],
      });
      const perhaps = router({ a: `${failing}\nonError: [{ ignore: true, when: data.total > 50 }]` });
      expect(perhaps.run(order({})).deaths[0]).to.include({ code: 'WB_CONTRACT_VIOLATED' });
      expect(perhaps.run(order({ total: 60 })).deaths).to.deep.equal([]);
      const both = router({ a: `${failing}\nonError: [{ service: wms, when: data.total > 50 }, { ignore: true }]` });
      expect(targets(both.run(order({ total: 60 })))).to.deep.equal(['wms shop.order.placed@1']);
      expect(both.run(order({})).counts.at(-1)).to.deep.equal(['a', 'ignored', 1]);
    });

    it('hands it to another route, which then has an endpoint of its own, as a message of its own', () => {
      const mend = `from: ${PLACED}\nwhen: data.total < 0\nto: wms`;
      const plan = planOf({ ...BUS, routes: { a: `${failing}\nonError: { route: mend }`, mend } });
      expect(plan.routes.map(({ name, road, because }) => [name, road, because])).to.deep.equal([
        ['a', 'inline', 'it has a step'],
        ['mend', 'isolated', 'a hands it what it fails on'],
      ]);
      expect(plan.routes[0]?.to).to.deep.include({ route: 'mend', as: PLACED });
      const result = plan.program('router')?.run(order({}));
      const [sent] = result?.sends ?? [];
      expect(result?.deaths).to.deep.equal([]);
      expect(sent?.to).to.deep.equal({ endpoint: 'route.mend' });
      expect(sent?.message.envelope).to.include({
        source: '/retail/a',
        causationId: 'in-1',
        type: 'shop.order.placed',
      });
      expect(sent?.message.envelope.id).not.to.equal('in-1');
      expect(sent?.message.body).to.deep.equal(order({}).body);
    });

    it('is checked: routes that there are, that take the type, and hand nothing back', () => {
      const faults = (routes: Record<string, string>): string[] =>
        compilePlan(definition({ ...BUS, routes })).faults.map(({ code, message: text }) => `${code} ${text}`);
      const from = (type: string, more: string): string => `from: ${type}\nto: oms\n${more}`;
      expect(faults({ a: from(PLACED, 'onError: { route: mned }'), mend: from(PLACED, '') })).to.deep.equal([
        'WB_ROUTE_UNKNOWN there is no route mned',
      ]);
      expect(faults({ a: from(PLACED, 'onError: { route: b }'), b: from('shop.order.paid@1', '') })).to.deep.equal([
        `WB_ROUTE_TYPE the route b does not take ${PLACED}`,
      ]);
      expect(faults({ a: from(PLACED, 'onError: { route: b }'), b: from(PLACED, 'enabled: false') })).to.deep.equal([
        'WB_ROUTE_TYPE the route b is disabled, so it takes nothing',
      ]);
      const circle = {
        a: from(PLACED, 'onError: { route: b }'),
        b: from(PLACED, 'onError: [{ route: a, when: data.total > 1 }]'),
      };
      expect(faults(circle)).to.deep.equal([
        'WB_ROUTE_LOOP what a fails on comes back to it by way of b',
        'WB_ROUTE_LOOP what b fails on comes back to it by way of a',
      ]);
      expect(faults({ a: from(PLACED, 'onError: { route: a }') })).to.have.length(1);
    });

    it('does not come into play when nothing fails', () => {
      expect(targets(router({ a: `${failing}\nonError: wms` }).run(order({ total: 200 })))).to.deep.equal([
        'oms oms.order.create@1',
      ]);
    });
  });

  describe('for a redriven letter of one route', () => {
    let program: Program;
    before(() => {
      program = router({
        a: `from: ${PLACED}\nwhen: data.total > 1\nto: oms`,
        b: `from: ${PLACED}\nsteps: [${CREATE_STEP}]\nto: wms`,
      });
    });

    it('runs that route alone, with the ids of the first time', () => {
      const all = program.run(order({}));
      const one = program.run(order({}), 'b');
      expect(one.sends).to.deep.equal(all.sends.slice(1));
      expect(one.counts).to.deep.equal([
        ['b', 'in', 1],
        ['b', 'out', 1],
      ]);
    });

    it('lets it die again, by name, when the route is gone', () => {
      expect(program.run(order({}), 'c')).to.deep.include({ sends: [], unknown: false });
      expect(program.run(order({}), 'c').deaths[0]).to.include({ code: 'WB_ROUTE_UNKNOWN', route: 'c' });
      expect(program.run(order({}, { version: 7 }), 'a').deaths[0]).to.include({
        code: 'WB_ROUTE_UNKNOWN',
        route: 'a',
      });
    });
  });
});
