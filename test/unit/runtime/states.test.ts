import { expect } from 'chai';
import type { StateReader, StateRef, StateUnit } from '../../../src/ports/store.ts';
import type { Lease } from '../../../src/ports/transport.ts';
import { type Attempted, OwnStates } from '../../../src/runtime/states.ts';
import { Turns } from '../../../src/runtime/turns.ts';

const REF: StateRef = { scope: 'route.r/count', key: 'k' };
const OTHER: StateRef = { scope: 'route.r/count', key: 'other' };

class Partition implements Lease {
  readonly endpoint = 'route.r';
  readonly partition = 0;
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;

  get revoked(): boolean {
    return this.signal.aborted;
  }

  revoke(): void {
    this.#controller.abort();
  }
}

/** Nothing is durable yet. */
const EMPTY: StateReader = {
  load: (_cause, refs) =>
    Promise.resolve({ states: refs.map(() => ({ value: undefined, version: 0 })), recorded: undefined }),
};

describe('states in the store of the transport', () => {
  let states: OwnStates;
  let lease: Partition;
  beforeEach(() => {
    states = new OwnStates(EMPTY);
    lease = new Partition();
  });

  const begin = (id: string): Attempted => states.begin({ scope: 'route.r', id }, lease);
  const ended = async (attempt: Attempted): Promise<{ unit?: StateUnit; settled?: () => void }> => {
    const end = await attempt.end([]);
    attempt.close();
    if (end.outcome === 'moved') throw new Error('nobody else changes it');
    return end;
  };
  const add = async (attempt: Attempted, ref = REF): Promise<number> => {
    const held = await attempt.read(ref);
    const next = typeof held?.state === 'number' ? held.state + 1 : 1;
    attempt.write(ref, { form: 1, state: next });
    return next;
  };

  it('are seen by the next attempt before they are durable, each version after the other', async () => {
    const first = begin('1');
    await add(first);
    const { unit, settled } = await ended(first);
    expect(unit?.changes.map(({ basedOn }) => basedOn)).to.deep.equal([0]);
    const second = begin('2');
    expect(await add(second)).to.equal(2);
    expect((await ended(second)).unit?.changes.map(({ basedOn }) => basedOn)).to.deep.equal([1]);
    settled?.();
    expect(await add(begin('3'))).to.equal(3);
  });

  it('let attempts at one state follow each other, and those at others pass', async () => {
    const first = begin('1');
    await add(first);
    const second = begin('2');
    let read = 0;
    const waiting = add(second).then((n) => {
      read = n;
    });
    const third = begin('3');
    expect(await add(third, OTHER)).to.equal(1);
    expect(read).to.equal(0);
    await ended(first);
    await waiting;
    expect(read).to.equal(2);
  });

  it('wait for nobody whose attempt ended without a result', async () => {
    const first = begin('1');
    await add(first);
    first.close();
    expect(await add(begin('2'))).to.equal(1);
  });

  it('never were when the lease under which they were made is gone', async () => {
    const first = begin('1');
    await add(first);
    await ended(first);
    lease.revoke();
    lease = new Partition();
    expect(await add(begin('1'))).to.equal(1);
  });

  it('are computed anew when another attempt was quicker', async () => {
    const first = begin('1');
    await add(first, OTHER);
    const second = begin('2');
    await add(second, REF);
    // Each has its turn at another state, and then changes the one of the other.
    await add(second, OTHER);
    await ended(first);
    expect(await second.end([])).to.deep.equal({ outcome: 'moved' });
  });

  it('take back what was written, and change nothing then', async () => {
    const first = begin('1');
    const forget = first.mark();
    await add(first);
    forget();
    expect(await ended(first)).not.to.have.property('unit');
  });

  it('take back what was written since a mark, and keep what was before', async () => {
    const first = begin('1');
    await add(first);
    const forget = first.mark();
    await add(first);
    await add(first, OTHER);
    forget();
    await ended(first);
    expect((await begin('2').read(REF))?.state).to.equal(1);
    expect(await begin('3').read(OTHER)).to.equal(undefined);
  });

  it('write nothing for a state that there was not and is not', async () => {
    const first = begin('1');
    await first.read(REF);
    first.write(REF, undefined);
    expect(await ended(first)).not.to.have.property('unit');
  });
});

describe('turns', () => {
  it('come in the order in which they were asked for, and leave nothing behind', async () => {
    const turns = new Turns();
    const order: number[] = [];
    const all = [1, 2, 3].map(async (n) => {
      const end = await turns.take('a');
      order.push(n);
      end();
    });
    await Promise.all(all);
    expect(order).to.deep.equal([1, 2, 3]);
    (await turns.take('a'))();
  });
});
