/**
 * Another process with a store. Its arguments: the target as JSON, a name. Counts up state after state, one message each, and
 * writes to standard output what was answered, until it is killed.
 */
import { writeSync } from 'node:fs';
import { openStoreTarget, type StoreTarget } from './store-target.ts';
import { CAUSES, change, SCOPE, text, unit } from './units.ts';

const [, , target = '{}', name = ''] = process.argv;
const store = await openStoreTarget(JSON.parse(target) as StoreTarget);
// Synchronously, so that what was answered is told before the process can be killed.
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
say('ready');

async function count(worker: number): Promise<never> {
  const key = `k${String(worker)}`;
  const other = `o${String(worker)}`;
  for (let n = 0; ; ) {
    const id = `${name}-${String(worker)}-${String(n)}`;
    const { states } = await store.load({ scope: CAUSES, id }, [
      { scope: SCOPE, key },
      { scope: SCOPE, key: other },
    ]);
    const [state, twin] = states;
    const sum = String(Number(text(state?.value) ?? '0') + 1);
    say(`try ${id}`);
    const changes = [change(key, state?.version ?? 0, sum), change(other, twin?.version ?? 0, sum)];
    const answer = await store.commit(unit(id, changes));
    if (answer.outcome === 'moved') continue;
    say(`${answer.outcome} ${id}`);
    n += 1;
  }
}

await Promise.all(Array.from({ length: 8 }, (_, worker) => count(worker)));
