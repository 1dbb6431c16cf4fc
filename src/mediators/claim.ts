import { createHash } from 'node:crypto';
import { showJson } from '../json.ts';
import type { StateForm } from '../ports/mediator.ts';

/** Where claims are kept: of all routes of the bus together, so that one puts away and another fetches. */
export const CLAIMS: StateForm = { version: 1, shared: 'claims' };

/** What stands in place of a value: `claim:v1:<sha256, base64url>:<bytes>`. */
export interface Claim {
  readonly text: string;
  /** The hash of the value's JSON: who puts the same away twice has it once, and nobody finds what he does not know. */
  readonly key: string;
  /** Of the value's JSON. */
  readonly bytes: number;
}

export const CLAIM_SAMPLE = `claim:v1:${'A'.repeat(43)}:100000`;

export function claimFor(value: unknown): Claim {
  const json = showJson(value);
  const key = createHash('sha256').update(json).digest('base64url');
  const bytes = Buffer.byteLength(json);
  return { text: `claim:v1:${key}:${String(bytes)}`, key, bytes };
}

/** Undefined when it is no claim. */
export function readClaim(value: unknown): Claim | undefined {
  if (typeof value !== 'string') return undefined;
  const [, key, bytes] = /^claim:v1:([A-Za-z0-9_-]{43}):([0-9]{1,9})$/.exec(value) ?? [];
  return key === undefined ? undefined : { text: value, key, bytes: Number(bytes) };
}

/** What is kept of a claim. */
export interface Held {
  readonly value: unknown;
  /** @unit milliseconds since the Unix epoch */
  readonly untilMs: number;
}

/** What was written is only ever read by these steps, so its inside is trusted. */
export function isHeld(state: unknown): state is Held {
  return typeof state === 'object' && state !== null && 'value' in state && 'untilMs' in state;
}
