import { expect } from 'chai';
import fc from 'fast-check';
import type { Attendant } from '../../../../src/adapters/rabbitmq/roster.ts';
import { divide, Share } from '../../../../src/adapters/rabbitmq/shares.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const queuesOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `retail.ep.oms.1.${String(n)}`);
const seatsOf = (count: number): { queue: string; partition: number }[] =>
  queuesOf(count).map((queue, partition) => ({ queue, partition }));

const queues = fc.integer({ min: 1, max: 64 }).map(queuesOf);
const members = fc.uniqueArray(fc.uuid(), { minLength: 1, maxLength: 12 });

const loadsOf = (owners: ReadonlyMap<string, string>, all: readonly string[]): number[] =>
  all.map((member) => [...owners.values()].filter((owner) => owner === member).length);

const moved = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number =>
  [...after].filter(([queue, owner]) => before.get(queue) !== owner).length;

describe('shares of an endpoint', () => {
  it('give every queue one owner, evenly within one', () => {
    fc.assert(
      fc.property(queues, members, (all, living) => {
        const owners = divide(all, living);
        expect([...owners.keys()].sort()).to.deep.equal([...all].sort());
        const loads = loadsOf(owners, living);
        expect(Math.max(...loads) - Math.min(...loads)).to.be.at.most(1);
      }),
    );
  });

  it('are the same for all, in whatever order they have heard of each other', () => {
    fc.assert(
      fc.property(queues, members, fc.nat(), (all, living, turn) => {
        const at = turn % living.length;
        const turned = [...living.slice(at), ...living.slice(0, at)];
        expect(divide(all, turned)).to.deep.equal(divide(all, living));
      }),
    );
  });

  it('move few queues that need not when a member comes or goes', () => {
    let needed = 0;
    let found = 0;
    for (let run = 0; run < 100; run++) {
      const living = Array.from({ length: 2 + (run % 7) }, (_, n) => `member-${String(run)}-${String(n)}`);
      const all = queuesOf(64);
      const more = divide(all, living);
      const fewer = divide(all, living.slice(1));
      needed += [...more.values()].filter((owner) => owner === living[0]).length;
      found += moved(more, fewer);
    }
    // To deal anew would move nearly all of them: four times as many.
    expect(found).to.be.below(needed * 2);
  });

  it('of any members with any views leave no queue that nobody attends', () => {
    const names = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(
        fc.array(fc.subarray(names, { minLength: 2 }), { minLength: 4, maxLength: 4 }),
        fc.array(fc.nat({ max: 3 }), { minLength: 20, maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (views, turns, count) => {
          const clock = new ManualClock();
          const shares = names.map((name) => new Share(name, clock));
          const held = names.map(() => new Set(queuesOf(count)));
          // What was told last: everybody hears it at once, as far as he hears the other at all.
          for (const turn of turns) {
            const others: Attendant[] = names.flatMap((id, n) =>
              n !== turn && views[turn]?.includes(id) === true
                ? [{ id, endpoint: 'oms', queues: [...(held[n] ?? [])] }]
                : [],
            );
            const chosen = shares[turn]?.choose(seatsOf(count), held[turn] ?? new Set(), others) ?? [];
            held[turn] = new Set(chosen.map(({ queue }) => queue));
            const attended = new Set(held.flatMap((each) => [...each]));
            expect(attended.size).to.equal(count);
          }
        },
      ),
    );
  });

  it('take a queue that nobody attends after a while, whoever it falls to', () => {
    const clock = new ManualClock();
    const share = new Share('a', clock);
    const others = [{ id: 'b', endpoint: 'oms', queues: [] }];
    const mine = share.choose(seatsOf(4), new Set(), others);
    expect(mine).to.have.length(2);
    clock.advance(2_000);
    expect(share.choose(seatsOf(4), new Set(), others)).to.have.length(4);
  });
});
