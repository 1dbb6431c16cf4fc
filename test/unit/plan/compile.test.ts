import { expect } from 'chai';
import { type Fault, formatFault } from '../../../src/errors.ts';
import { compilePlan } from '../../../src/plan/compile.ts';
import { type DefinitionSketch, definition, NUMBER, object, TEXT } from '../../support/definitions.ts';

const ORDER = object({ id: TEXT, total: NUMBER, 'note?': TEXT });
const BUS: DefinitionSketch = {
  contracts: {
    'shop.order.placed@1': ORDER,
    'shop.order.paid@1': ORDER,
    'oms.order.create@1': object({ orderId: TEXT, total: NUMBER }),
  },
  services: {
    shop: { publishes: ['shop.order.placed@1', 'shop.order.paid@1'] },
    oms: { receives: ['shop.order.placed@1', 'shop.order.paid@1', 'oms.order.create@1'] },
  },
};

function faultsOf(routes: Record<string, string>, more: DefinitionSketch = {}): readonly Fault[] {
  const { plan, faults } = compilePlan(definition({ ...BUS, ...more, routes }));
  expect(plan === undefined).to.equal(faults.length > 0);
  return faults;
}

function warningsOf(routes: Record<string, string>, more: DefinitionSketch = {}): readonly string[] {
  const { plan, faults, warnings } = compilePlan(definition({ ...BUS, ...more, routes }));
  expect(faults.map(formatFault)).to.deep.equal([]);
  expect(plan?.warnings).to.equal(warnings);
  return warnings.map(({ code, message }) => `${code} ${message}`);
}

describe('the plan of a definition', () => {
  it('tells every fault of everything at once, by file and place', () => {
    const faults = faultsOf(
      {
        a: 'from: shop.order.plced@1\nto: oms',
        b: 'from: shop.order.placed@1\nwhen: data.totl > 1\nto: omss',
        c: 'from: shop.order.placed@1\nsteps: [flter: true]\nto: oms',
      },
      {
        contracts: { ...BUS.contracts, 'x.y@1': { type: 'strin' } },
        services: { ...BUS.services, mail: { receives: ['a.b@1'] } },
      },
    );
    expect(faults.map(({ code, at }) => `${at?.file ?? ''} ${code}`)).to.include.members([
      'routes/a.yaml WB_CONTRACT_UNKNOWN',
      'routes/b.yaml WB_EXPRESSION_FIELD',
      'routes/b.yaml WB_SERVICE_UNKNOWN',
      'routes/c.yaml WB_MEDIATOR_UNKNOWN',
      'schemas/x/y.v1.json WB_CONTRACT_INVALID',
      'waybill.yaml WB_CONTRACT_UNKNOWN',
    ]);
    const files = faults.map(({ at }) => at?.file ?? '');
    expect(files).to.deep.equal(files.toSorted());
  });

  it('asks for the place of each fault, with the offset inside an expression', () => {
    const asked: unknown[] = [];
    compilePlan(definition({ ...BUS, routes: { a: 'from: shop.order.placed@1\nwhen: 1 < data.totl\nto: oms' } }), {
      locate: (file, path, place) => {
        asked.push({ file, path, place });
        return { file, line: 2, column: 7 + (place?.offset ?? 0) };
      },
    });
    expect(asked).to.deep.include({ file: 'routes/a.yaml', path: ['when'], place: { offset: 4 } });
  });

  it('says which mediator was meant', () => {
    const [fault] = faultsOf({ a: 'from: shop.order.placed@1\nsteps: [flter: "true"]\nto: oms' });
    expect(fault).to.deep.include({
      code: 'WB_MEDIATOR_UNKNOWN',
      message: 'there is no mediator flter',
      fix: 'did you mean filter?',
    });
  });

  it('says which option of a step was meant, and which is missing', () => {
    const faults = faultsOf({ a: 'from: shop.order.placed@1\nsteps: [map: { too: oms.order.create@1 }]\nto: oms' });
    expect(faults.map(({ message, fix }) => `${message}; ${fix ?? ''}`)).to.deep.equal([
      'map needs set; ',
      'map has no option too; did you mean to?',
    ]);
  });

  it('knows the forms that a step may have', () => {
    const messages = (step: string): string[] =>
      faultsOf({ a: `from: shop.order.placed@1\nsteps: [${step}]\nto: oms` }).map(({ message }) => message);
    expect(messages('filter: { whn: data.total > 1 }')).to.deep.equal([
      'filter needs when',
      'filter has no option whn',
    ]);
    expect(messages('filter: 3')).to.deep.equal(['filter: 3 is not one of its forms']);
    expect(messages('set: {}')).to.have.length(1);
    expect(messages('map: { to: oms.order.creat@1, set: {} }')).to.deep.equal([
      'there is no contract for oms.order.creat@1',
    ]);
  });

  it('says nothing of what follows a step that failed', () => {
    const faults = faultsOf({
      a: 'from: shop.order.placed@1\nsteps: [mapp: { to: oms.order.create@1 }, filter: data.orderId == "1"]\nto: oms',
    });
    expect(faults.map(({ code }) => code)).to.deep.equal(['WB_MEDIATOR_UNKNOWN']);
  });

  it('says nothing of variables that a step that failed may have added, and all else of later steps', () => {
    const faults = faultsOf({
      a: `from: shop.order.placed@1
steps:
  - enrich: { source: customrs, key: data.id, as: customer }
  - set: { vars: { sum: data.totl, name: vars.customer.name } }
  - filter: vars.sum > 1 && has(vars.customer.name) && data.oderId == '1'
to: oms`,
    });
    expect(faults.map(({ code, message }) => `${code} ${message}`)).to.deep.equal([
      'WB_SOURCE_UNKNOWN there is no source customrs',
      'WB_EXPRESSION_FIELD data.totl is not in shop.order.placed@1',
      'WB_EXPRESSION_FIELD data.oderId is not in shop.order.placed@1',
    ]);
  });

  it('tells a fault that several types of a route share once', () => {
    const faults = faultsOf({ a: 'from: shop.order.*@1\nsteps: [flter: "true"]\nto: oms' });
    expect(faults).to.have.length(1);
  });

  it('refuses a type that the service does not receive, with the line to add', () => {
    const [fault, ...others] = faultsOf(
      { a: 'from: shop.order.placed@1\nto: billing' },
      { services: { ...BUS.services, billing: { receives: ['shop.order.paid@1'] } } },
    );
    expect(others).to.deep.equal([]);
    expect(fault).to.deep.include({
      code: 'WB_NOT_DECLARED',
      message: 'shop.order.placed@1 goes to billing here, and billing does not declare it under receives',
      fix: 'services: billing: receives: [shop.order.paid@1, shop.order.placed@1]',
    });
  });

  it('refuses another major of a type than the service receives when there is no cast', () => {
    const [fault] = faultsOf(
      { a: 'from: shop.order.placed@1\nto: billing' },
      {
        contracts: { ...BUS.contracts, 'shop.order.placed@2': ORDER },
        services: { ...BUS.services, billing: { receives: ['shop.order.placed@2'] } },
      },
    );
    expect(fault?.message).to.contain('there is no cast');
  });

  it('refuses to publish a message as another type than it is', () => {
    const [fault] = faultsOf({ a: 'from: shop.order.placed@1\nto: { publish: oms.order.create@1 }' });
    expect(fault).to.deep.include({
      code: 'WB_ROUTE_TYPE',
      message: 'the message is shop.order.placed@1 here, and the route publishes it as oms.order.create@1',
      fix: 'add a step: map: { to: oms.order.create@1, set: ... }',
    });
  });

  it('checks disabled routes as well', () => {
    expect(faultsOf({ a: 'from: shop.order.placed@1\nenabled: false\nwhen: data.nothing\nto: oms' })).not.to.deep.equal(
      [],
    );
  });

  it('refuses a pattern that matches no contract, and two routes of one name', () => {
    expect(faultsOf({ a: 'from: shop.*.placed@3\nto: oms' }).map(({ code }) => code)).to.deep.equal(['WB_ROUTE_FROM']);
    expect(
      faultsOf({
        a: 'name: x\nfrom: shop.order.placed@1\nto: oms',
        b: 'name: x\nfrom: shop.order.paid@1\nto: oms',
      }).map(({ code }) => code),
    ).to.deep.equal(['WB_ROUTE_DUPLICATE']);
  });

  describe('loops', () => {
    const map = (to: string): string =>
      `steps: [map: { to: ${to}, set: { id: data.id, total: data.total } }]\nto: { publish: ${to} }`;

    it('refuses a route that publishes what it takes', () => {
      const [fault] = faultsOf({ a: 'from: shop.order.placed@1\nto: { publish: shop.order.placed@1 }' });
      expect(fault).to.deep.include({
        code: 'WB_ROUTE_LOOP',
        message: 'the route publishes what it takes: shop.order.placed@1 -(a)-> shop.order.placed@1',
      });
    });

    it('refuses routes that publish in a circle, and names the circle once', () => {
      const loops = faultsOf({
        a: `from: shop.order.placed@1\n${map('shop.order.paid@1')}`,
        b: `from: shop.order.paid@1\nwhen: data.total > 1\n${map('shop.order.placed@1')}`,
        c: `from: shop.order.paid@1\nto: oms`,
      });
      expect(loops.map(({ message }) => message)).to.deep.equal([
        'routes publish in a circle: shop.order.placed@1 -(a)-> shop.order.paid@1 -(b)-> shop.order.placed@1',
      ]);
    });

    it('finds a circle through a cast', () => {
      const loops = faultsOf(
        {
          a: 'from: shop.order.placed@2\nsteps: [map: { to: shop.order.placed@1, set: { id: data.id } }]\nto: { publish: shop.order.placed@1 }',
        },
        {
          contracts: {
            'shop.order.placed@1': object({ id: TEXT }),
            'shop.order.placed@2': object({ id: TEXT, 'x?': TEXT }),
          },
          casts: { 'shop.order.placed@1-2': { up: { id: 'data.id' } } },
          services: { shop: { publishes: ['shop.order.placed@2'] } },
        },
      );
      expect(loops.map(({ code }) => code)).to.deep.equal(['WB_ROUTE_LOOP']);
    });

    it('does not count disabled routes, and allows two ways to one type', () => {
      const off = { a: 'from: shop.order.placed@1\nenabled: false\nto: { publish: shop.order.placed@1 }' };
      expect(faultsOf(off)).to.deep.equal([]);
      const diamond = {
        a: `from: shop.order.placed@1\n${map('shop.order.paid@1')}`,
        b: `from: shop.order.placed@1\nwhen: data.total > 1\n${map('shop.order.paid@1')}`,
        c: 'from: shop.order.paid@1\nto: oms',
      };
      expect(faultsOf(diamond)).to.deep.equal([]);
    });
  });

  describe('warnings', () => {
    const quiet = {
      a: 'from: shop.order.*@1\nto: oms',
      b: 'from: shop.order.paid@1\nsteps: [map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total } }]\nto: oms',
    };

    it('has none to give when all types find their way', () => {
      expect(warningsOf(quiet)).to.deep.equal([]);
    });

    it('warns of a type that nobody publishes', () => {
      const extra = { ...BUS.contracts, 'crm.customer.updated@1': ORDER };
      const services = { ...BUS.services, mail: { receives: ['crm.customer.updated@1'] } };
      expect(
        warningsOf({ ...quiet, c: 'from: crm.customer.updated@1\nto: mail' }, { contracts: extra, services }),
      ).to.deep.equal(['WB_TYPE_UNPUBLISHED nobody publishes crm.customer.updated@1, so nothing comes in here']);
    });

    it('warns of a published type that no route takes, and of a received one that no route delivers', () => {
      expect(warningsOf({ a: 'from: shop.order.placed@1\nto: oms' })).to.deep.equal([
        'WB_TYPE_UNROUTED no route takes shop.order.paid@1, so what shop publishes of it is parked',
        'WB_TYPE_UNDELIVERED oms receives shop.order.paid@1, and no route delivers it',
        'WB_TYPE_UNDELIVERED oms receives oms.order.create@1, and no route delivers it',
      ]);
      const published =
        'from: shop.order.placed@1\nsteps: [map: { to: oms.order.create@1, set: { orderId: data.id, total: data.total } }]\nto: { publish: oms.order.create@1 }';
      expect(warningsOf({ ...quiet, c: published })).to.deep.equal([
        'WB_TYPE_UNROUTED no route takes oms.order.create@1, so what the route c publishes of it is parked',
      ]);
    });

    it('warns of a predicate that is the same for every message', () => {
      expect(warningsOf({ ...quiet, c: 'from: shop.order.placed@1\nwhen: "1 > 2"\nto: oms' }).join()).to.contain(
        'WB_PREDICATE_CONSTANT 1 > 2 is false',
      );
    });

    it('warns of two routes that always bring a service the same message', () => {
      expect(warningsOf({ ...quiet, c: 'from: shop.order.placed@1\nto: oms' })).to.deep.equal([
        'WB_DELIVERED_TWICE a brings every shop.order.placed@1 to oms too, so it gets each message twice',
      ]);
    });
  });
});
