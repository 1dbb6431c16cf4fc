import { toError, WaybillError } from '../errors.ts';
import { requirePlugins } from '../plan/lacking.ts';
import type { Plan } from '../plan/plan.ts';
import type { LazyStore } from './lazy-store.ts';
import type { LiveTables } from './live-tables.ts';
import { Router, type RouterParts } from './router.ts';
import { NoStates, OwnStates, type States, StoredStates } from './states.ts';

export interface HostedRouterParts extends Omit<RouterParts, 'states'> {
  readonly tables: LiveTables;
  /** Where steps remember when the transport has no store of its own. */
  readonly store: LazyStore | undefined;
}

/** On RabbitMQ. */
const NEEDS_STORE =
  'Add `store: postgres://...` to waybill.yaml, or `store: embedded:<folder>` where one router runs; or set WAYBILL_STORE.';

/** The router of this process, where it runs one, with what its routes look up and remember. */
export class HostedRouter {
  readonly #parts: HostedRouterParts;
  #router: Router | undefined;
  #closed = false;

  constructor(parts: HostedRouterParts) {
    this.#parts = parts;
    parts.tables.counting((counter) => {
      this.#count(counter);
    });
  }

  get runs(): boolean {
    return this.#router !== undefined;
  }

  /** Nothing where it runs, or is closed. @throws WB_PLUGIN_MISSING, WB_STORE_MISSING, and what opening the store throws */
  async start(plan: Plan): Promise<void> {
    if (this.#router !== undefined || this.#closed) return;
    requirePlugins(plan);
    await this.#remembers(plan);
    await this.#parts.tables.use(plan);
    const router = new Router(plan, { ...this.#parts, states: this.#states() });
    this.#router = router;
    try {
      await router.start();
    } catch (error) {
      this.#router = undefined;
      await router.close();
      throw error;
    }
  }

  /** Loads the tables of a plan that may come, where the router runs. */
  async load(plan: Plan): Promise<void> {
    if (this.runs) await this.#parts.tables.use(plan);
  }

  /** After an apply that failed, whose error is the one to hear of. */
  async loadAgain(plan: Plan): Promise<void> {
    try {
      await this.load(plan);
    } catch (error) {
      this.#parts.log.warn({ err: toError(error) }, 'the tables of the plan in force could not be taken up again');
    }
  }

  /** Goes on with another plan, whose tables are loaded. Nothing where it does not run. */
  async update(plan: Plan): Promise<void> {
    await this.#router?.update(plan);
  }

  /** @param timeoutMs see `Router.close` */
  async close(timeoutMs: number | undefined): Promise<void> {
    this.#closed = true;
    await this.#router?.close(timeoutMs);
  }

  #count(counter: string): void {
    if (this.#closed) return;
    const { transport, log } = this.#parts;
    transport.send([], { tally: { [counter]: 1 } }).catch((thrown: unknown) => {
      log.debug({ err: toError(thrown), counter }, 'something could not be counted');
    });
  }

  /** What is wrong with the store is said before the first message. @throws WB_STORE_MISSING, and what opening the store throws */
  async #remembers(plan: Plan): Promise<void> {
    const { transport, store } = this.#parts;
    const route = plan.routes.find(({ remembers }) => remembers === true);
    if (route === undefined || transport.state !== undefined) return;
    if (store !== undefined) return store.open();
    throw new WaybillError('WB_STORE_MISSING', `the route ${route.name} remembers, and this bus has no store`, {
      fix: NEEDS_STORE,
    });
  }

  #states(): States {
    const { transport, store } = this.#parts;
    if (transport.state !== undefined) return new OwnStates(transport.state);
    return store === undefined ? new NoStates() : new StoredStates(store);
  }
}
