import type { Envelope } from './message.ts';

/** Values by type and version, found without making a text of both for each message. */
export class ByType<Value> {
  readonly #types = new Map<string, Map<number, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ type, version }: Pick<Envelope, 'type' | 'version'>): Value | undefined {
    return this.#types.get(type)?.get(version);
  }

  set({ type, version }: Pick<Envelope, 'type' | 'version'>, value: Value): void {
    let versions = this.#types.get(type);
    if (versions === undefined) {
      versions = new Map();
      this.#types.set(type, versions);
    }
    if (!versions.has(version)) this.#size += 1;
    versions.set(version, value);
  }

  clear(): void {
    this.#types.clear();
    this.#size = 0;
  }
}
