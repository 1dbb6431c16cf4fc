import { toError, WaybillError } from '../errors.ts';
import type {
  Cause,
  CommitAnswer,
  Loaded,
  RecordToken,
  StateEntry,
  StateRef,
  StateUnit,
  Store,
  StoreTransaction,
} from '../ports/store.ts';

/** A store that is opened when it is first needed: most processes of a bus need none. */
export class LazyStore implements Store {
  readonly kind: Store['kind'];
  /** Only where the store is a database. */
  readonly begin?: () => Promise<StoreTransaction>;
  readonly #open: () => Promise<Store>;
  #opened: Promise<Store> | undefined;
  #closed = false;

  /** @param open called again when it failed */
  constructor(kind: Store['kind'], open: () => Promise<Store>) {
    this.kind = kind;
    this.#open = open;
    if (kind === 'postgres') {
      this.begin = async () => {
        const store = await this.#available();
        if (store.begin === undefined) throw new TypeError(`a store of the kind ${store.kind} has transactions`);
        return store.begin();
      };
    }
  }

  /** Opens it now, so that what is wrong with it is said now. @throws as the adapter does; WB_CLOSED */
  async open(): Promise<void> {
    await this.#store();
  }

  async load(cause: Cause | undefined, refs: readonly StateRef[]): Promise<Loaded> {
    return (await this.#available()).load(cause, refs);
  }

  async commit(unit: StateUnit): Promise<CommitAnswer> {
    return (await this.#available()).commit(unit);
  }

  settled(token: RecordToken): void {
    // Who has a token got it from the opened store. One that could not be opened has been told of by then.
    this.#opened?.then(
      (store) => {
        store.settled(token);
      },
      () => undefined,
    );
  }

  async list(
    scope: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly StateEntry[]> {
    return (await this.#available()).list(scope, options);
  }

  async close(): Promise<void> {
    this.#closed = true;
    // One that could not be opened holds nothing.
    const store = await this.#opened?.catch(() => undefined);
    await store?.close();
  }

  #store(): Promise<Store> {
    if (this.#closed) return Promise.reject(new WaybillError('WB_CLOSED', 'the store is closed'));
    if (this.#opened !== undefined) return this.#opened;
    const opening = this.#open();
    this.#opened = opening;
    opening.catch(() => {
      if (this.#opened === opening) this.#opened = undefined;
    });
    return opening;
  }

  /** Whatever keeps a store from being opened may be mended, so no message is lost by it. */
  async #available(): Promise<Store> {
    try {
      return await this.#store();
    } catch (thrown) {
      const cause = toError(thrown);
      if (cause instanceof WaybillError && (cause.retryable || cause.code === 'WB_CLOSED')) throw cause;
      throw new WaybillError('WB_STORE_UNAVAILABLE', `the store cannot be opened: ${cause.message}`, {
        retryable: true,
        cause,
        ...(cause instanceof WaybillError && cause.fix !== undefined && { fix: cause.fix }),
      });
    }
  }
}
