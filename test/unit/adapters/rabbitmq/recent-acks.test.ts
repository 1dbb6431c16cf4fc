import { expect } from 'chai';
import { RecentAcks } from '../../../../src/adapters/rabbitmq/recent-acks.ts';

describe('acknowledgements that may be lost', () => {
  it('are all, until later messages tell that the broker has taken them', () => {
    const acks = new RecentAcks(3);
    for (const tag of [1, 2, 3]) acks.arrived(tag);
    for (const id of ['a', 'b', 'c']) acks.add(id);
    expect(acks.pending()).to.deep.equal(['a', 'b', 'c']);
    acks.arrived(4);
    expect(acks.pending()).to.deep.equal(['b', 'c']);
    acks.add('d');
    acks.arrived(6);
    expect(acks.pending()).to.deep.equal(['d']);
  });

  it('count what has no id, and go by their own order', () => {
    const acks = new RecentAcks(2);
    acks.arrived(2);
    acks.add(undefined);
    acks.add('b');
    acks.arrived(3);
    expect(acks.pending()).to.deep.equal(['b']);
  });

  it('are few, however much comes', () => {
    const acks = new RecentAcks(4);
    for (let tag = 1; tag <= 10_000; tag++) {
      acks.arrived(tag);
      if (tag > 1) acks.add(String(tag - 1));
      expect(acks.size).to.be.at.most(9);
    }
    expect(acks.pending()).to.deep.equal(['9997', '9998', '9999']);
  });
});
