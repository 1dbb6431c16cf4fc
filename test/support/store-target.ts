import { type Clock, systemClock } from '../../src/ports/clock.ts';
import type { Store } from '../../src/ports/store.ts';
import { testLog } from './targets.ts';

/** How to reach a store, so that it can be handed to another process. */
export type StoreTarget =
  | { readonly kind: 'embedded'; readonly folder: string }
  | { readonly kind: 'postgres'; readonly url: string };

/** The store, whatever it is: the one place where tests say how each adapter is opened. */
export async function openStoreTarget(target: StoreTarget, clock: Clock = systemClock): Promise<Store> {
  if (target.kind === 'embedded') {
    const { openEmbeddedStore } = await import('../../src/adapters/embedded/embedded-store.ts');
    return openEmbeddedStore({ folder: target.folder, clock, log: testLog });
  }
  const { openPostgres } = await import('../../src/adapters/postgres/store.ts');
  return openPostgres({ url: target.url, clock, log: testLog });
}
