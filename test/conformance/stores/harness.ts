import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../../src/ports/clock.ts';
import type { Store } from '../../../src/ports/store.ts';
import { postgres, schemaUrl } from '../../support/postgres.ts';
import { openStoreTarget, type StoreTarget } from '../../support/store-target.ts';

/** One way to keep state, as the suite sees it: an adapter says how it is opened, and nothing else. */
interface Harness {
  readonly name: string;
  readonly kind: Store['kind'];
  /** Whether several processes may have it at a time. */
  readonly shared: boolean;
  start(context: Mocha.Context): Promise<void>;
  /** A store that is new. */
  create(): Promise<{ readonly target: StoreTarget; destroy(): Promise<void> }>;
}

/** What each test of the suite is handed. */
export interface StoreSuite {
  readonly kind: Store['kind'];
  readonly shared: boolean;
  /** Of the test's own store; the same for all that open it. */
  readonly target: () => StoreTarget;
  /** Opens it; closed after the test. */
  readonly open: (clock?: Clock) => Promise<Store>;
}

const HARNESSES: readonly (() => Harness)[] = [
  () => ({
    name: 'LMDB',
    kind: 'embedded',
    shared: false,
    start: () => Promise.resolve(),
    async create() {
      const folder = await mkdtemp(join(tmpdir(), 'waybill-store-'));
      return {
        target: { kind: 'embedded', folder },
        destroy: () => rm(folder, { recursive: true, force: true }),
      };
    },
  }),
  () => {
    let url = '';
    return {
      name: 'PostgreSQL',
      kind: 'postgres',
      shared: true,
      async start(context) {
        ({ url } = await postgres(context));
      },
      create: () =>
        Promise.resolve({ target: { kind: 'postgres', url: schemaUrl(url) }, destroy: () => Promise.resolve() }),
    };
  },
];

/** Runs one set of tests on every store. `WAYBILL_TEST_ONLY` (part of a name) leaves the others out. */
export function storeConformance(title: string, define: (suite: StoreSuite) => void): void {
  const only = process.env['WAYBILL_TEST_ONLY'] ?? '';
  for (const make of HARNESSES) {
    const harness = make();
    if (!harness.name.includes(only)) continue;
    describe(`${title} [${harness.name}]`, () => {
      let home: Awaited<ReturnType<Harness['create']>> | undefined;
      const opened: Store[] = [];
      const target = (): StoreTarget => {
        if (home === undefined) throw new Error('there is no store yet');
        return home.target;
      };
      before(async function () {
        await harness.start(this);
      });
      beforeEach(async () => {
        home = await harness.create();
      });
      afterEach(async () => {
        for (const store of opened.splice(0)) await store.close();
        await home?.destroy();
      });
      define({
        kind: harness.kind,
        shared: harness.shared,
        target,
        async open(clock = systemClock) {
          const store = await openStoreTarget(target(), clock);
          opened.push(store);
          return store;
        },
      });
    });
  }
}
