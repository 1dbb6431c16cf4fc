import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { bytes, CAUSES, change, done, read, recordOf, SCOPE, text, unit, versionOf } from '../../support/units.ts';
import { storeConformance } from './harness.ts';

storeConformance('a store', ({ open, shared }) => {
  it('keeps what was committed: states, and the effects of the cause', async () => {
    const store = await open();
    done(await store.commit(unit('m1', [change('a', 0, 'one'), change('b', 0, 'two')])));
    expect(await read(store, 'a', 'b', 'c')).to.deep.equal(['one', 'two', undefined]);
    const loaded = await store.load({ scope: CAUSES, id: 'm1' }, [{ scope: SCOPE, key: 'b' }]);
    expect(text(loaded.recorded)).to.equal('effects of m1');
    expect(text(loaded.states[0]?.value)).to.equal('two');
    expect(await recordOf(store, 'm2')).to.equal(undefined);
  });

  it('keeps it over a close', async () => {
    const store = await open();
    done(await store.commit(unit('m1', [change('a', 0, 'one')])));
    await store.close();
    const again = await open();
    expect(await read(again, 'a')).to.deep.equal(['one']);
    expect(await recordOf(again, 'm1')).to.equal('effects of m1');
  });

  it('tells scopes apart, and causes from states', async () => {
    const store = await open();
    done(await store.commit(unit('k', [change('k', 0, 'here', 'route.a/x'), change('k', 0, 'there', 'route.b/x')])));
    const { states, recorded } = await store.load({ scope: 'route.a', id: 'k' }, [
      { scope: 'route.b/x', key: 'k' },
      { scope: 'route.a/x', key: 'k' },
      { scope: CAUSES, key: 'k' },
    ]);
    expect(states.map(({ value }) => text(value))).to.deep.equal(['there', 'here', undefined]);
    expect(recorded).to.equal(undefined);
  });

  it('takes any text as a key, however long, and any bytes as a value', async () => {
    const store = await open();
    const keys = [
      '',
      ' ',
      '\0',
      'ä€😀',
      '\ud800',
      '\ud801',
      'x'.repeat(5_000),
      `${'x'.repeat(5_000)}y`,
      '\u0001',
      '%_\\"',
    ];
    const values = keys.map((_, n) => Buffer.of(0, 255, n));
    const changes = keys.map((key, n) => ({ ref: { scope: SCOPE, key }, basedOn: 0, value: values[n] }));
    done(await store.commit({ ...unit('m\0\ud800'), changes }));
    const { states } = await store.load(
      undefined,
      keys.map((key) => ({ scope: SCOPE, key })),
    );
    expect(states.map(({ value }) => value && Buffer.from(value))).to.deep.equal(values);
    expect(await recordOf(store, 'm\0\ud800')).to.contain('effects of m\0');
    expect(await recordOf(store, 'm\0\ud801')).to.equal(undefined);
    const listed = await store.list(SCOPE, { limit: 100 });
    expect(listed.map(({ key }) => key)).to.have.members(keys);
  });

  it('keeps a state of 15 MiB', async () => {
    const store = await open();
    const large = Buffer.alloc(15 * 1024 * 1024, 'waybill');
    done(
      await store.commit({
        ...unit('m1'),
        changes: [{ ref: { scope: SCOPE, key: 'large' }, basedOn: 0, value: large }],
      }),
    );
    const { states } = await store.load(undefined, [{ scope: SCOPE, key: 'large' }]);
    expect(Buffer.from(states[0]?.value ?? []).equals(large)).to.equal(true);
  });

  it('writes nothing of a unit of which one state moved', async () => {
    const store = await open();
    done(await store.commit(unit('m1', [change('a', 0, 'one'), change('b', 0, 'one')])));
    const a = await versionOf(store, 'a');
    const b = await versionOf(store, 'b');
    done(await store.commit(unit('m2', [change('b', b, 'two')])));
    const answer = await store.commit(
      unit('m3', [change('a', a, 'three'), change('b', b, 'three'), change('c', 0, 'three')]),
    );
    expect(answer).to.deep.equal({ outcome: 'moved' });
    expect(await read(store, 'a', 'b', 'c')).to.deep.equal(['one', 'two', undefined]);
    expect(await recordOf(store, 'm3')).to.equal(undefined);
  });

  it('says that a state moved also where it was made, or deleted, meanwhile', async () => {
    const store = await open();
    done(await store.commit(unit('m1', [change('a', 0, 'one')])));
    const version = await versionOf(store, 'a');
    expect((await store.commit(unit('m2', [change('a', 0, 'two')]))).outcome).to.equal('moved');
    done(await store.commit(unit('m3', [change('a', version, undefined)])));
    expect(await read(store, 'a')).to.deep.equal([undefined]);
    expect(await versionOf(store, 'a')).to.equal(0);
    expect((await store.commit(unit('m4', [change('a', version, 'four')]))).outcome).to.equal('moved');
    done(await store.commit(unit('m5', [change('a', 0, 'five')])));
    expect(await versionOf(store, 'a')).to.be.greaterThan(version);
  });

  it('gives versions that grow with each change', async () => {
    const store = await open();
    let version = 0;
    for (let n = 0; n < 5; n++) {
      done(await store.commit(unit(`m${String(n)}`, [change('a', version, String(n))])));
      const next = await versionOf(store, 'a');
      expect(next).to.be.greaterThan(version);
      version = next;
    }
  });

  it('answers a cause that is on record with its effects, whatever the unit says now', async () => {
    const store = await open();
    done(await store.commit(unit('m1', [change('a', 0, 'one')])));
    const answer = await store.commit({ ...unit('m1', [change('a', 0, 'again')]), effects: bytes('others') });
    expect(answer.outcome).to.equal('repeated');
    if (answer.outcome === 'repeated') expect(text(answer.effects)).to.equal('effects of m1');
    expect(await read(store, 'a')).to.deep.equal(['one']);
  });

  it('takes one of two that are given in one turn for the same state, and for the same cause', async () => {
    const store = await open();
    const states = await Promise.all([
      store.commit(unit('m1', [change('a', 0, 'one')])),
      store.commit(unit('m2', [change('a', 0, 'two')])),
    ]);
    expect(states.map(({ outcome }) => outcome)).to.deep.equal(['done', 'moved']);
    const causes = await Promise.all([
      store.commit(unit('m3', [change('b', 0, 'one')])),
      store.commit(unit('m3', [change('c', 0, 'two')])),
    ]);
    expect(causes.map(({ outcome }) => outcome)).to.deep.equal(['done', 'repeated']);
    expect(await read(store, 'a', 'b', 'c')).to.deep.equal(['one', 'one', undefined]);
  });

  it('tells the good of one turn from the bad', async () => {
    const store = await open();
    done(await store.commit(unit('old', [change('k1', 0, 'old')])));
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        store.commit(unit(n === 7 ? 'old' : `m${String(n)}`, [change(`k${String(n)}`, 0, String(n))])),
      ),
    );
    const bad = answers.flatMap(({ outcome }, n) => (outcome === 'done' ? [] : [`${String(n)} ${outcome}`]));
    expect(bad).to.deep.equal(['1 moved', '7 repeated']);
    expect(await read(store, 'k0', 'k1', 'k7', 'k49')).to.deep.equal(['0', 'old', undefined, '49']);
  });

  it('lists what a scope keeps, newest change last, in pages', async () => {
    const store = await open();
    for (const key of ['a', 'b', 'c']) done(await store.commit(unit(`make ${key}`, [change(key, 0, key)])));
    done(await store.commit(unit('again', [change('a', await versionOf(store, 'a'), 'longer')])));
    done(await store.commit(unit('other', [change('z', 0, 'z', `${SCOPE}/other`)])));
    const first = await store.list(SCOPE, { limit: 2 });
    expect(first.map(({ key, bytes: size }) => [key, size])).to.deep.equal([
      ['b', 1],
      ['c', 1],
    ]);
    const rest = await store.list(SCOPE, { after: first[1]?.cursor ?? '' });
    expect(rest.map(({ key, bytes: size }) => [key, size])).to.deep.equal([['a', 6]]);
    expect(Date.parse(rest[0]?.changedAt ?? '')).to.be.greaterThan(Date.parse('2026-01-01'));
    expect(await store.list('nobody')).to.deep.equal([]);
  });

  it('counts right however many count at once', async function () {
    this.timeout(240_000);
    const stores = await Promise.all(Array.from({ length: shared ? 2 : 1 }, () => open()));
    const add = async (worker: number, n: number): Promise<void> => {
      const store = stores[worker % stores.length];
      if (store === undefined) throw new Error('no store');
      const key = `k${String(n % 3)}`;
      const id = `w${String(worker)}-${String(n)}`;
      for (;;) {
        const { states } = await store.load({ scope: CAUSES, id }, [{ scope: SCOPE, key }]);
        const [state] = states;
        const sum = Number(text(state?.value) ?? '0') + 1;
        const answer = await store.commit(unit(id, [change(key, state?.version ?? 0, String(sum))]));
        if (answer.outcome === 'done') return;
        expect(answer.outcome).to.equal('moved');
      }
    };
    await Promise.all(
      Array.from({ length: 6 }, async (_, worker) => {
        for (let n = 0; n < 30; n++) await add(worker, n);
      }),
    );
    const [store] = stores;
    if (store === undefined) throw new Error('no store');
    expect(await read(store, 'k0', 'k1', 'k2')).to.deep.equal(['60', '60', '60']);
  });

  it('loads states and the record as they were at one moment', async () => {
    const store = await open();
    const reader = shared ? await open() : store;
    const count = 40;
    const progress = { over: false };
    const writing = (async () => {
      for (let n = 0; n < count; n++) {
        const [a, b] = [await versionOf(store, 'a'), await versionOf(store, 'b')];
        done(await store.commit(unit(`m${String(n)}`, [change('a', a, String(n)), change('b', b, String(n))])));
      }
      progress.over = true;
    })();
    while (!progress.over) {
      const [a, b] = await read(reader, 'a', 'b');
      expect(a).to.equal(b);
      await setImmediate();
    }
    await writing;
  });

  it('ends what is under way when it is closed, and takes nothing more', async () => {
    const store = await open();
    const committing = Array.from({ length: 20 }, (_, n) =>
      store.commit(unit(`m${String(n)}`, [change(`k${String(n)}`, 0, 'v')])),
    );
    await store.close();
    await store.close();
    for (const answer of await Promise.all(committing)) expect(answer.outcome).to.equal('done');
    const refused = await store.commit(unit('late')).catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'WB_CLOSED');
    const again = await open();
    expect(await read(again, 'k0', 'k19')).to.deep.equal(['v', 'v']);
  });
});
