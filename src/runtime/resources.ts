import { WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { KeyRing, Resources } from '../ports/resources.ts';

export interface ResourceParts {
  /** By name. */
  readonly keyRings?: ReadonlyMap<string, KeyRing>;
  /** Frees what the parts hold. */
  readonly close?: () => Promise<void>;
}

/** What a process was given for steps that look outside. */
export class ProcessResources implements Resources {
  readonly #parts: ResourceParts;
  #closed: Promise<void> | undefined;

  constructor(parts: ResourceParts = {}) {
    this.#parts = parts;
  }

  keys(ring: string): KeyRing {
    const rings = this.#parts.keyRings ?? new Map<string, KeyRing>();
    const found = rings.get(ring);
    if (found !== undefined) return found;
    const fix = didYouMean(ring, rings.keys()) ?? `Add it under \`keys:\` in waybill.yaml.`;
    throw missing(`there is no key ring ${ring}`, fix);
  }

  close(): Promise<void> {
    this.#closed ??= this.#parts.close?.() ?? Promise.resolve();
    return this.#closed;
  }
}

function missing(message: string, fix: string): WaybillError {
  return new WaybillError('WB_RESOURCE_MISSING', message, { fix });
}
