import { expect } from 'chai';
import { JournalRecord } from '../../../../src/adapters/rabbitmq/journal-record.ts';

describe('the record of the journal on RabbitMQ', () => {
  it('counts by how many processes a delivery was begun, however often and late a note of one comes', () => {
    const record = new JournalRecord();
    const counts = ['a', 'a', 'b', 'b', 'a', 'b', 'c'].map((by) => record.note({ delivery: 'd', by }).count);
    expect(counts).to.deep.equal([1, 1, 2, 2, 2, 2, 3]);
    expect(record.note({ delivery: 'other', by: 'a' }).count).to.equal(1);
  });

  it('tells what a note would say without counting it', () => {
    const record = new JournalRecord();
    const own = { delivery: 'd', by: 'b' };
    expect(record.tell(own).count).to.equal(1);
    // The stream is given again: an older note of another, then the one that was not waited for.
    expect(record.note({ delivery: 'd', by: 'a' }).count).to.equal(1);
    expect(record.note(own).count).to.equal(2);
    expect(record.tell({ delivery: 'd', by: 'c' }).count).to.equal(3);
    expect(record.note(own).count).to.equal(2);
  });

  it('knows of those that are begun together which another process had begun', () => {
    const record = new JournalRecord();
    record.note({ together: ['d', 'e'], by: 'a' });
    record.note({ delivery: 'f', by: 'b' });
    expect([...record.tell({ together: ['d', 'f', 'g'], by: 'b' }).known]).to.deep.equal(['d', 'f']);
    expect([...record.tell({ together: ['d', 'g'], by: 'a' }).known]).to.deep.equal([]);
  });

  it('knows what another process had begun together, when a late copy of a note comes after it', () => {
    const record = new JournalRecord();
    for (const by of ['a', 'b', 'a']) record.note({ together: ['d'], by });
    expect([...record.tell({ together: ['d'], by: 'a' }).known]).to.deep.equal(['d']);
  });

  it('tells what of settled members has not come by the stream', () => {
    const record = new JournalRecord();
    const settled = new Set([0, 1, 2]);
    const copy = record.mark('oms', 'p', settled);
    expect(record.unread('oms', 'p', settled)).to.deep.equal(settled);
    record.note({ marks: { [copy]: [0, 2] } });
    expect(record.unread('oms', 'p', settled)).to.deep.equal(new Set([1]));
    expect(record.unread('billing', 'p', settled)).to.deep.equal(settled);
    record.recount();
    expect(record.unread('oms', 'p', settled), 'of a stream that is another').to.deep.equal(settled);
  });

  it('counts anew when the stream is read from its beginning, and keeps marks', () => {
    const record = new JournalRecord();
    const begun = { delivery: 'd', by: 'a' };
    const marks = { marks: { [record.mark('oms', 'p', new Set([0]))]: [0, 2] } };
    record.note(begun);
    record.note(marks);
    record.recount();
    expect(record.note({ ...begun, by: 'b' }).count).to.equal(1);
    expect(record.settledOf('oms', 'p')).to.deep.equal(new Set([0, 2]));
    expect(record.settledOf('billing', 'p')).to.deep.equal(new Set());
  });

  it('remembers that all is settled, whatever is noted of some members later', () => {
    const record = new JournalRecord();
    const copy = record.mark('oms', 'p', new Set([0]));
    record.note({ marks: { [copy]: 'all' } });
    record.note({ marks: { [copy]: [1] } });
    expect(record.settledOf('oms', 'p')).to.equal('all');
    expect(record.settledOf('billing', 'p')).to.deep.equal(new Set());
  });

  it('excuses the returns of a copy that has not ended who had it, and no more than the broker counts', () => {
    const record = new JournalRecord();
    const excused = (returns: number): number => record.excusedOf('oms', 'p', returns);
    record.excuse('oms', 'p', 0);
    expect(excused(1)).to.equal(1);
    // Somebody else had it and is gone, and then it came back to this process once more.
    record.excuse('oms', 'p', 2);
    expect(excused(3)).to.equal(2);
    expect(record.excusedOf('billing', 'p', 3)).to.equal(0);
  });

  it('excuses no return that the broker does not count', () => {
    const record = new JournalRecord();
    record.excuse('oms', 'p', 0);
    expect(record.excusedOf('oms', 'p', 0)).to.equal(0);
    expect(record.excusedOf('oms', 'p', 2)).to.equal(0);
  });

  it('takes what is no note for one that says nothing', () => {
    const record = new JournalRecord();
    for (const note of [
      {},
      { delivery: 1 },
      { together: 'd', by: 'a' },
      { marks: null },
      { marks: { p: 'some' } },
      { excused: { p: 'x' } },
    ])
      expect(record.note(note)).to.deep.equal({ count: 0, known: new Set() });
  });
});
