import { expect } from 'chai';
import { compilePlan } from '../../../src/plan/compile.ts';
import type { ProgramResult } from '../../../src/plan/plan.ts';
import { type DefinitionSketch, definition, object, planOf, TEXT } from '../../support/definitions.ts';
import { message } from '../../support/messages.ts';
import { faultsOf, item, planOfSteps, runOf } from '../../support/step-run.ts';
import { StepBench } from '../../support/steps.ts';

const bench = new StepBench();
const ID = object({ id: TEXT, 'note?': TEXT }, { 'x-key': '/id' });
const NOTE = '{ map: { to: shop.note@1, set: { id: data.id } } }';

/** A route `r` from items to `oms`, and others. */
function busOf(
  steps: string,
  routes: Record<string, string> = { notes: 'from: shop.note@1\nto: ops' },
): DefinitionSketch {
  return {
    contracts: {
      'shop.item.sold@1': ID,
      'shop.item.sold@2': object({ id: TEXT, text: TEXT }, { 'x-key': '/id' }),
      'shop.note@1': ID,
    },
    casts: { 'shop.item.sold@1-2': { up: { id: 'data.id', text: "data.?note.orValue('')" } } },
    services: {
      shop: { publishes: ['shop.item.sold@1'] },
      oms: { receives: ['shop.item.sold@1', 'shop.note@1'] },
      ops: { receives: ['shop.note@1'] },
      newer: { receives: ['shop.item.sold@2'] },
    },
    routes: { r: `from: shop.item.sold@1\nsteps: ${steps}\nto: oms`, ...routes },
  };
}

/** What left a route: `ops {"id":"a"}`. */
function sent(result: ProgramResult | undefined): string[] {
  return (result?.sends ?? []).map(({ to, message: { envelope, body } }) => {
    const where = typeof to === 'object' && 'endpoint' in to ? to.endpoint : 'bus';
    return `${where} ${envelope.type} ${Buffer.from(body).toString()}`;
  });
}

const run = (steps: string, data: object = {}): ProgramResult | undefined =>
  planOfSteps(steps).program('router')?.run(item('a', data));

describe('wiretap', () => {
  it('copies the message as it is at this point, and leaves the flow as it was', () => {
    const steps = `- set: { data: { n: 1 } }
- wiretap: { to: ops }
- set: { data: { n: 2 } }`;
    expect(sent(run(steps))).to.deep.equal([
      'ops shop.item.sold {"id":"a","n":1}',
      'oms shop.item.sold {"id":"a","n":2}',
    ]);
  });

  it('lets an untouched message keep its id and its bytes, while the copy has an id of its own, the same in a replay', () => {
    const input = item('a');
    const result = planOfSteps('- wiretap: { to: ops }').program('router')?.run(input);
    const [copy, original] = result?.sends ?? [];
    expect(original?.message).to.equal(input);
    expect(copy?.message.body).to.equal(input.body);
    expect(copy?.message.envelope).to.include({ causationId: 'a', correlationId: 'a', key: 'a' });
    expect(copy?.message.envelope.id).not.to.equal('a');
    expect(planOfSteps('- wiretap: { to: ops }').program('router')?.run(input)).to.deep.equal(result);
  });

  it('gives what the route makes the same ids as without it', () => {
    const ids = (steps: string): string[] =>
      (run(steps, { tags: ['x', 'y'] })?.sends ?? [])
        .filter(({ to }) => typeof to === 'object' && 'endpoint' in to && to.endpoint === 'oms')
        .map(({ message: { envelope } }) => envelope.id);
    const split = "- split: { each: 'data.?tags', as: tag }\n- set: { data: { note: vars.tag } }";
    expect(ids(`- wiretap: { to: ops }\n${split}\n- wiretap: { to: ops }`)).to.deep.equal(ids(split));
  });

  it('gives every copy an id of its own: of two steps, of two places, of parts of one message', () => {
    const steps = `- wiretap: { to: [ops, oms] }
- split: { each: 'data.?tags', as: tag }
- wiretap: { to: ops }`;
    const result = run(steps, { tags: ['x', 'y'] });
    expect(result?.sends).to.have.length(6);
    expect(new Set(result?.sends.map(({ message: { envelope } }) => envelope.id)).size).to.equal(6);
  });

  it('copies only what its predicates let through', () => {
    const steps = '- wiretap: { to: [{ service: ops, when: data.?n.orValue(0) > 5 }, oms], when: data.?n.hasValue() }';
    expect(sent(run(steps)).map((each) => each.slice(0, 3))).to.deep.equal(['oms']);
    expect(sent(run(steps, { n: 1 })).map((each) => each.slice(0, 3))).to.deep.equal(['oms', 'oms']);
    expect(sent(run(steps, { n: 6 })).map((each) => each.slice(0, 3))).to.deep.equal(['ops', 'oms', 'oms']);
  });

  it('has copied what a later step filters out', () => {
    const result = run('- wiretap: { to: ops }\n- filter: data.?n.hasValue()');
    expect(sent(result)).to.deep.equal(['ops shop.item.sold {"id":"a"}']);
    expect(result).to.include({ filtered: false });
  });

  it('sends nothing when the route fails, so that a redrive makes all of it', () => {
    const result = run('- wiretap: { to: ops }\n- validate: { when: data.?n.hasValue(), message: no n }');
    expect(result?.sends).to.deep.equal([]);
    expect(result?.deaths).to.have.length(1);
  });

  it('gives a service the major that it receives, cast from the one that the message has here', () => {
    const plan = planOf(busOf('[{ set: { data: { note: "\'hi\'" } } }, { wiretap: { to: newer } }]'));
    const [copy] = plan.program('router')?.run(item('a')).sends ?? [];
    expect(copy?.message.envelope).to.include({ version: 2, key: 'a' });
    expect(Buffer.from(copy?.message.body ?? []).toString()).to.equal('{"id":"a","text":"hi"}');
  });

  it('refuses a copy that breaks the contract by name', () => {
    const steps = '- set: { data: { n: data.?n.orValue(0) } }\n- wiretap: { to: ops }';
    const result = planOfSteps(steps)
      .program('router')
      ?.run(message({ type: 'shop.item.sold', data: { id: 'a', note: 5 } }));
    expect(result?.deaths[0]?.code).to.equal('WB_CONTRACT_VIOLATED');
  });

  it('runs in an isolated route too, before and after steps that remember or wait', async () => {
    const route = runOf('- wiretap: { to: ops }\n- delay: { for: 1m }\n- wiretap: { to: ops }');
    expect((await route.take(item('a'))).sent).to.deep.equal(['ops {"id":"a"}']);
    expect(await route.advance(60_000)).to.deep.equal(['ops {"id":"a"}', 'oms {"id":"a"}']);
    expect(new Set(route.sends.map(({ message: { envelope } }) => envelope.id)).size).to.equal(3);
    const grouped = runOf(
      '- aggregate: { as: all, size: 2, timeout: 1h, by: data.?note.orValue("") }\n- wiretap: { to: ops }',
    );
    await grouped.take(item('a'));
    expect((await grouped.take(item('b'))).sent).to.deep.equal(['ops {"id":"b"}', 'oms {"id":"b"}']);
  });

  it('shows in the plan where copies go, and takes what they publish for published', () => {
    const { routes, warnings } = planOf(busOf(`[${NOTE}, { wiretap: { publish: shop.note@1 } }]`));
    expect(routes.find(({ name }) => name === 'r')?.to).to.deep.equal([
      { service: 'oms', as: 'shop.note@1' },
      { publish: 'shop.note@1' },
    ]);
    expect(warnings.map(({ code, message: text }) => `${code} ${text}`).filter((text) => text.includes('note'))).to.be
      .empty;
    const unrouted = planOf({ ...busOf(`[${NOTE}, { wiretap: { publish: shop.note@1 } }]`, {}) }).warnings;
    expect(unrouted.map(({ message: text }) => text)).to.include(
      'no route takes shop.note@1, so what a step of the route r publishes of it is parked',
    );
  });

  it('is checked as any destination', () => {
    expect(bench.faults('- wiretap: { to: audt }')).to.deep.equal([
      'WB_SERVICE_UNKNOWN steps.0.wiretap.to.service: there is no service audt',
    ]);
    expect(bench.shownFaults('- wiretap: { to: audt }')).to.contain('did you mean audit?');
    expect(bench.faults('- wiretap: { to: shop }')).to.deep.equal([
      'WB_NOT_DECLARED steps.0.wiretap.to: shop.order.placed@1 goes to shop here, and shop does not declare it under receives',
    ]);
    expect(bench.faults('- wiretap: { publish: shop.order.plced@1 }')).to.deep.equal([
      'WB_CONTRACT_UNKNOWN steps.0.wiretap.publish.publish: there is no contract for shop.order.plced@1',
    ]);
    expect(bench.faults('- wiretap: { publish: oms.order.create@1 }')).to.deep.equal([
      'WB_ROUTE_TYPE steps.0.wiretap.publish: the message is shop.order.placed@1 here, and the route publishes it as oms.order.create@1',
    ]);
    expect(bench.faults('- wiretap: { when: data.total > 5 }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.wiretap: wiretap: it does not say where the copy goes',
    ]);
    expect(bench.faults('- wiretap: { to: [{ when: data.totl > 5, service: audit }] }')[0]).to.contain(
      'WB_EXPRESSION_FIELD steps.0.wiretap.to.0.when',
    );
    expect(bench.faults('- wiretap: { to: [{ when: data.total > 5 }] }')).to.deep.equal([
      'WB_MEDIATOR_OPTION steps.0.wiretap.to.0: wiretap: the destination has neither service nor publish',
    ]);
  });

  it('finds a circle that a copy closes', () => {
    expect(faultsOf('- wiretap: { publish: shop.item.sold@1 }')).to.deep.equal([
      'WB_ROUTE_LOOP : the route publishes what it takes: shop.item.sold@1 -(r)-> shop.item.sold@1',
    ]);
    const circle = busOf(`[${NOTE}, { wiretap: { publish: shop.note@1 } }]`, {
      back: `from: shop.note@1
steps: [{ map: { to: shop.item.sold@1, set: { id: data.id } } }]
to: { publish: shop.item.sold@1 }`,
    });
    const { faults } = compilePlan(definition(circle));
    expect(faults.map(({ message: text }) => text)).to.deep.equal([
      'routes publish in a circle: shop.item.sold@1 -(r)-> shop.note@1 -(back)-> shop.item.sold@1',
    ]);
  });
});
