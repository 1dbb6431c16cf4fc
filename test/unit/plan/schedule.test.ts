import { expect } from 'chai';
import fc from 'fast-check';
import { compilePlan } from '../../../src/plan/compile.ts';
import { explainPlan, formatPlan } from '../../../src/plan/explain.ts';
import type { Schedule } from '../../../src/plan/schedule.ts';
import { definition, object, planOf, TEXT } from '../../support/definitions.ts';

const sketch = (from: string, route = 'to: ops') => ({
  contracts: {
    'billing.run.due@1': object({ day: TEXT, 'note?': TEXT }, { 'x-key': '/day' }),
    'shop.order.placed@1': object({ 'id?': TEXT }),
  },
  services: {
    shop: { publishes: ['shop.order.placed@1'] },
    ops: { receives: ['billing.run.due@1', 'shop.order.placed@1'] },
  },
  routes: { nightly: `from: ${from}\n${route}` },
});
const DATA = 'data: { day: "meta.time.substring(0, 10)" }'.replace(
  'meta.time.substring(0, 10)',
  "formatDate(date(meta.time), 'yyyy-MM-dd')",
);
const from = (schedule: string, more = ''): string =>
  `{ schedule: '${schedule}', as: billing.run.due@1, ${DATA}${more} }`;

function scheduleOf(schedule: string, more = ''): Schedule {
  const [found] = planOf(sketch(from(schedule, more))).schedules;
  if (found === undefined) throw new Error('no schedule');
  return found;
}

function ticks(schedule: Schedule, start: string, count: number): string[] {
  let at = Date.parse(start);
  return Array.from({ length: count }, () => {
    at = schedule.nextAfter(at) ?? Number.NaN;
    return new Date(at).toISOString();
  });
}

function faultsOf(of: string, route?: string): string[] {
  const { faults } = compilePlan(definition(sketch(of, route)), {
    locate: (_file, path) => ({ file: path.join('.') }),
  });
  return faults.map(({ code, at, message, fix }) => `${code} ${at?.file ?? ''}: ${message} (${fix ?? ''})`);
}

describe('the schedule of a route', () => {
  it('makes a message of its type for the route alone, by an endpoint of its own that nothing else comes to', () => {
    const plan = planOf(sketch(from('0 6 * * *', ', zone: Europe/Berlin')));
    expect(plan.warnings.map(({ code }) => code)).to.deep.equal(['WB_TYPE_UNROUTED', 'WB_TYPE_UNDELIVERED']);
    expect(plan.topology.bindings).to.deep.equal([]);
    expect(plan.routes).to.deep.equal([
      {
        name: 'nightly',
        road: 'isolated',
        because: 'it begins by a schedule',
        from: ['billing.run.due@1'],
        to: [{ service: 'ops', as: 'billing.run.due@1' }],
        schedule: { cron: '0 6 * * *', zone: 'Europe/Berlin', missed: 'once' },
        remembers: true,
        endpoint: 'route.nightly',
      },
    ]);
    expect(formatPlan(explainPlan(plan))).to.contain(
      '0 6 * * * (Europe/Berlin) as billing.run.due@1 -> ops (billing.run.due@1)',
    );
  });

  it('makes the same message for a tick, whoever makes it when', () => {
    const make = () => scheduleOf('0 6 * * *').message(Date.parse('2026-03-01T06:00:00Z'));
    const { envelope, body } = make();
    expect(make()).to.deep.equal({ envelope, body });
    expect(envelope).to.include({ source: '/retail/nightly', time: '2026-03-01T06:00:00.000Z', key: '2026-03-01' });
    expect(Buffer.from(body).toString()).to.equal('{"day":"2026-03-01"}');
    expect(scheduleOf('0 6 * * *').message(Date.parse('2026-03-02T06:00:00Z')).envelope.id).not.to.equal(envelope.id);
  });

  it('goes by its time zone, over daylight saving: once a day, at the end of an hour that there is not, in the first of two', () => {
    const daily = scheduleOf('30 2 * * *', ', zone: Europe/Berlin');
    expect(ticks(daily, '2026-03-28T00:00:00Z', 3)).to.deep.equal([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    expect(ticks(daily, '2026-10-24T00:00:00Z', 3)).to.deep.equal([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
    const hourly = scheduleOf('0 * * * *', ', zone: Europe/Berlin');
    expect(ticks(hourly, '2026-10-24T23:30:00Z', 3).map((tick) => tick.slice(11, 16))).to.deep.equal([
      '00:00',
      '01:00',
      '02:00',
    ]);
  });

  it('finds the ticks before a time as it finds those after one', () => {
    const minute = 60_000;
    const around = fc
      .constantFrom('2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z', '2026-02-28T23:59:00Z')
      .map(Date.parse);
    const crons = fc.constantFrom(
      '*/7 * * * *',
      '30 2 * * *',
      '0 */3 * * 1-5',
      '15 2,3 * * *',
      '*/20 * * * * *',
      '0 0 1 * *',
    );
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe');
    fc.assert(
      fc.property(around, fc.integer({ min: -3000, max: 3000 }), crons, zones, (at, shift, cron, zone) => {
        const schedule = scheduleOf(cron, `, zone: ${zone}`);
        const end = at + shift * minute;
        const before = schedule.upTo(end, 5);
        expect(before).to.have.length(5);
        const after: number[] = [];
        for (
          let next = schedule.nextAfter((before[0] ?? 0) - 1);
          next !== undefined && next <= end;
          next = schedule.nextAfter(next)
        )
          after.push(next);
        expect(after).to.deep.equal(before);
      }),
      { numRuns: 100 },
    );
  });

  it('is checked: times, zone, type and data', () => {
    expect(faultsOf(from('61 * * * *'))[0]).to.match(
      /^WB_OPTION_INVALID from.schedule: 61 \* \* \* \* is no schedule: Invalid value for minute: 61/,
    );
    expect(faultsOf(from('nope'))[0]).to.contain('nope is no schedule');
    expect(faultsOf(from('0 0 30 2 *'))[0]).to.contain('0 0 30 2 * never comes');
    expect(faultsOf(from('0 6 * * *', ', zone: Europe/Belin'))[0]).to.contain(
      'from.zone: there is no time zone Europe/Belin',
    );
    expect(faultsOf("{ schedule: '0 6 * * *', as: billing.run.doe@1 }")[0]).to.contain(
      'did you mean billing.run.due@1?',
    );
    expect(faultsOf("{ schedule: '0 6 * * *', as: billing.*@1 }")[0]).to.contain('WB_CONTRACT_UNKNOWN');
    expect(faultsOf("{ schedule: '0 6 * * *', as: billing.run.due@1 }")[0]).to.match(/^WB_MAPPING_REQUIRED/);
    expect(faultsOf("{ schedule: '0 6 * * *', as: billing.run.due@1, data: { day: data.day } }")[0]).to.match(
      /^WB_EXPRESSION_FIELD from.data.day/,
    );
  });

  it('may lead back to its own type: nothing that is published comes to it', () => {
    expect(
      faultsOf("{ schedule: '0 6 * * *', as: shop.order.placed@1 }", 'to: { publish: shop.order.placed@1 }'),
    ).to.deep.equal([]);
  });
});
