import { expect } from 'chai';
import { Acknowledged } from '../../../../src/adapters/rabbitmq/acknowledged.ts';

describe('what was acknowledged and may come again', () => {
  it('is all that was, until later messages tell that the broker has taken it', () => {
    const acknowledged = new Acknowledged(3);
    for (const tag of [1, 2, 3]) acknowledged.arrived(tag);
    for (const id of ['a', 'b', 'c']) acknowledged.add(id);
    expect(acknowledged.ids).to.deep.equal(['a', 'b', 'c']);
    acknowledged.arrived(4);
    expect(acknowledged.ids).to.deep.equal(['b', 'c']);
    acknowledged.add('d');
    acknowledged.arrived(6);
    expect(acknowledged.ids).to.deep.equal(['d']);
  });

  it('counts what has no id, and goes by the order of acknowledgement', () => {
    const acknowledged = new Acknowledged(2);
    acknowledged.arrived(2);
    acknowledged.add(undefined);
    acknowledged.add('b');
    acknowledged.arrived(3);
    expect(acknowledged.ids).to.deep.equal(['b']);
  });

  it('goes on for as long as messages come', () => {
    const acknowledged = new Acknowledged(4);
    for (let tag = 1; tag <= 10_000; tag++) {
      acknowledged.arrived(tag);
      if (tag > 1) acknowledged.add(String(tag - 1));
    }
    expect(acknowledged.ids).to.deep.equal(['9997', '9998', '9999']);
  });
});
