import type { EncodedMessage } from '../message.ts';
import { failureOf, MOST_LINKS, type Tracing } from '../ports/tracing.ts';
import type { DeadLetter, Office, OfficeAction, OfficeFilter } from '../ports/transport.ts';

/** Letters of which what is redriven shows in their traces. */
export class TracedOffice implements Office {
  readonly #office: Office;
  readonly #tracing: Tracing;

  constructor(office: Office, tracing: Tracing) {
    this.#office = office;
    this.#tracing = tracing;
  }

  list(filter?: OfficeFilter): AsyncIterable<DeadLetter> {
    return this.#office.list(filter);
  }

  get(id: string): Promise<DeadLetter | undefined> {
    return this.#office.get(id);
  }

  count(): Promise<number> {
    return this.#office.count();
  }

  discard(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    return this.#office.discard(filter, action);
  }

  async redrive(filter: OfficeFilter, action: OfficeAction): Promise<number> {
    if (!this.#tracing.on) return this.#office.redrive(filter, action);
    const letters: EncodedMessage[] = [];
    let endpoint = filter.endpoint;
    for await (const letter of this.list({ ...filter, limit: Math.min(MOST_LINKS, filter.limit ?? MOST_LINKS) })) {
      letters.push(letter.message);
      endpoint ??= letter.endpoint;
    }
    const span = this.#tracing.redrive(letters, endpoint, action.by);
    try {
      const redriven = await this.#office.redrive(filter, action);
      span.set({ 'messaging.batch.message_count': redriven });
      span.end();
      return redriven;
    } catch (thrown) {
      span.end(failureOf(thrown));
      throw thrown;
    }
  }
}
