/** What a process has for steps that look outside. Made once for each process that runs routes; steps ask for what they need by name. */
export interface Resources {
  /** Keys by name, for steps that encrypt. @throws WB_RESOURCE_MISSING when there is no such key ring */
  keys(ring: string): KeyRing;
  /** Finishes what is under way and frees everything. Safe to call twice. */
  close(): Promise<void>;
}

/** AES-256 keys. Encrypts with the current one, decrypts with whichever is named. */
export interface KeyRing {
  readonly current: { readonly id: string; readonly key: Uint8Array };
  /** Undefined when the ring has no such key (any more). */
  find(id: string): Uint8Array | undefined;
}
