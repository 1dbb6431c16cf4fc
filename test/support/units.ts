import type { CommitAnswer, RecordToken, StateChange, StateUnit, Store } from '../../src/ports/store.ts';

export const SCOPE = 'route.tests/sum';
export const CAUSES = 'route.tests';

export const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString('utf8');

/** A change of the state `key`; `undefined` deletes it. */
export function change(key: string, basedOn: number, value: string | undefined, scope = SCOPE): StateChange {
  return { ref: { scope, key }, basedOn, value: value === undefined ? undefined : bytes(value) };
}

/** A unit of the message `id`, with the effects `effects of <id>`. */
export function unit(id: string, changes: readonly StateChange[] = [], more: Partial<StateUnit> = {}): StateUnit {
  return { cause: { scope: CAUSES, id }, changes, effects: bytes(`effects of ${id}`), ...more };
}

/** What is kept, in the order of the keys. */
export async function read(store: Store, ...keys: string[]): Promise<(string | undefined)[]> {
  const { states } = await store.load(
    undefined,
    keys.map((key) => ({ scope: SCOPE, key })),
  );
  return states.map(({ value }) => text(value));
}

export async function versionOf(store: Store, key: string): Promise<number> {
  const { states } = await store.load(undefined, [{ scope: SCOPE, key }]);
  return states[0]?.version ?? -1;
}

export async function recordOf(store: Store, id: string, scope = CAUSES): Promise<string | undefined> {
  return text((await store.load({ scope, id }, [])).recorded);
}

/** The token of what was written. */
export function done(answer: CommitAnswer): RecordToken {
  if (answer.outcome !== 'done') throw new Error(`expected done, found ${answer.outcome}`);
  return answer.token;
}
