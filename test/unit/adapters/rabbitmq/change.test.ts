import { expect } from 'chai';
import { changeLines, NO_ODDITIES, planStep, type Step } from '../../../../src/adapters/rabbitmq/change.ts';
import { firstLayout, layoutOf, outdated } from '../../../../src/adapters/rabbitmq/layout.ts';
import type { ManifestRecord } from '../../../../src/adapters/rabbitmq/manifest-record.ts';
import { toError } from '../../../../src/errors.ts';
import type { EndpointSpec, Topology } from '../../../../src/ports/topology.ts';

const OMS: EndpointSpec = { name: 'oms', kind: 'service', ordering: 'key', partitions: 2, plain: false };
const MAIL: EndpointSpec = { ...OMS, name: 'mail' };

function topology(endpoints: readonly EndpointSpec[], change: Partial<Topology> = {}): Topology {
  return { bus: 'retail', slots: 16, endpoints, bindings: [], ...change };
}

function recordOf(applied: Topology): ManifestRecord {
  return {
    applied: {
      format: 1,
      bus: 'retail',
      edition: 'one',
      appliedAt: '',
      appliedBy: '',
      topology: applied,
      definition: {},
    },
  };
}

function step(from: Topology | undefined, to: Topology): Step {
  return planStep(from === undefined ? {} : recordOf(from), to, NO_ODDITIES);
}

describe('the step from what was applied to a plan', () => {
  it('is nothing for an equal plan, also from the record of an earlier version', () => {
    expect(step(topology([OMS]), topology([OMS])).changes).to.deep.equal([]);
  });

  it('gives other partitions or another order a new generation, on the other exchange', () => {
    const { layout, changes } = step(topology([OMS]), topology([{ ...OMS, partitions: 4, ordering: 'none' }]));
    expect(layout[0]).to.deep.include({ side: 'standby', switching: true });
    expect(layout[0]?.generations.map(({ number, partitions }) => [number, partitions])).to.deep.equal([
      [1, 2],
      [2, 4],
    ]);
    expect(changeLines(changes)).to.deep.equal(['endpoint oms: changed, partitions 2 -> 4, ordering key -> none']);
  });

  it('ends an interrupted change before it begins another', () => {
    const first = step(topology([OMS]), topology([{ ...OMS, partitions: 4 }]));
    const record = { ...recordOf(topology([OMS])), layout: first.layout };
    const second = planStep(record, topology([{ ...OMS, partitions: 3 }]), NO_ODDITIES);
    expect(second.layout[0]?.generations).to.deep.equal(first.layout[0]?.generations);
    expect(second.layout[0]).to.have.property('switching', true);
  });

  it('never takes slots away, and lets new ones share the queues of those they came from', () => {
    const grown = step(topology([OMS]), topology([OMS], { slots: 32 }));
    expect(grown.topology.slots).to.equal(32);
    expect(grown.layout[0]?.generations).to.deep.equal(layoutOf(recordOf(topology([OMS])))[0]?.generations);
    expect(step(topology([OMS], { slots: 32 }), topology([OMS])).topology.slots).to.equal(32);
  });

  it('divides anew over new slots what few of them fill unevenly, once they are there', () => {
    const grown = step(topology([OMS], { slots: 4 }), topology([{ ...OMS, partitions: 3 }], { slots: 16 }));
    const [oms] = grown.layout;
    if (oms === undefined) throw new Error('no layout');
    expect(oms.generations.at(-1)).to.include({ partitions: 3, slots: 4 });
    expect(outdated(oms, oms.spec, 16)).to.deep.equal(['divides 4 -> 16 slots']);
    for (const [partitions, slots] of [
      [1, 1],
      [4, 4],
      [3, 16],
    ] as const) {
      const even = firstLayout({ ...OMS, partitions }, slots);
      expect(outdated(even, even.spec, 64), String(partitions)).to.deep.equal([]);
    }
  });

  it('tells when an endpoint is divided over slots that publishers may have heard of a moment ago', () => {
    const grown = { ...recordOf(topology([OMS], { slots: 64 })), layout: [firstLayout(OMS, 16)] };
    const divides = (spec: EndpointSpec): boolean =>
      planStep(grown, topology([spec], { slots: 64 }), NO_ODDITIES).divides;
    expect(divides({ ...OMS, partitions: 3 })).to.be.true;
    expect(divides(OMS)).to.be.false;
    expect(step(topology([OMS]), topology([{ ...OMS, partitions: 3 }])).divides).to.be.false;
  });

  it('retires what the plan has no more, and takes it back as it is', () => {
    const gone = step(topology([OMS, MAIL]), topology([OMS]));
    expect(gone.layout.find(({ spec }) => spec.name === 'mail')?.retired).to.deep.equal({ edition: 'one' });
    expect(changeLines(gone.changes)).to.deep.equal(['endpoint mail: removed']);
    const back = planStep({ ...recordOf(topology([OMS])), layout: gone.layout }, topology([OMS, MAIL]), NO_ODDITIES);
    expect(back.layout.find(({ spec }) => spec.name === 'mail')).not.to.have.property('retired');
  });

  it('names stale bindings, of interrupted plans too', () => {
    const paid = { type: 'shop.order.paid@1', endpoint: 'oms' };
    const placed = { type: 'shop.order.placed@1', endpoint: 'oms' };
    const record = {
      ...recordOf(topology([OMS], { bindings: [placed] })),
      intent: topology([OMS], { bindings: [paid] }),
    };
    expect(planStep(record, topology([OMS]), NO_ODDITIES).stale).to.deep.equal([placed, paid]);
  });

  it('refuses partitions that slots cannot fill', () => {
    let message = '';
    try {
      step(undefined, topology([{ ...OMS, partitions: 32 }]));
    } catch (error) {
      message = toError(error).message;
    }
    expect(message).to.contain('partitions must be 1 to 16 (slots), not 32');
  });
});
