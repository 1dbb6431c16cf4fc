import { rmSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { open } from 'lmdb';
import { orderSchema, orders } from './corpus.ts';
import { scratch } from './machine.ts';
import type { Result } from './result.ts';

/** How many promises of writes may be open at a time: what one commit carries. */
const IN_FLIGHT = 4_096;

/**
 * The ceiling: a loop that does what a hop cannot do without, on LMDB itself. Validate, put durably, read, validate,
 * remove durably; `perRecord` messages to a record.
 */
export async function bare(count: number, perRecord: number): Promise<Result> {
  const folder = scratch();
  const validate = new Ajv2020({ strict: true, keywords: ['x-key'] }).compile(orderSchema());
  const store = open<Buffer, number>({ path: folder, encoding: 'binary', overlappingSync: false });
  const pool = orders();
  const began = performance.now();
  let faulty = 0;
  for (let from = 0; from < count; from += IN_FLIGHT) {
    const upTo = Math.min(count, from + IN_FLIGHT);
    const puts: Promise<boolean>[] = [];
    const keys: number[] = [];
    for (let at = from; at < upTo; at += perRecord) {
      const texts: string[] = [];
      for (let n = at; n < Math.min(upTo, at + perRecord); n++) {
        const data = pool[n % pool.length];
        if (!validate(data)) faulty++;
        texts.push(JSON.stringify(data));
      }
      keys.push(at);
      puts.push(store.put(at, Buffer.from(texts.join('\n'))));
    }
    await Promise.all(puts);
    const removals: Promise<boolean>[] = [];
    for (const key of keys) {
      for (const text of (store.get(key) ?? Buffer.alloc(0)).toString('utf8').split('\n')) {
        if (!validate(JSON.parse(text))) faulty++;
      }
      removals.push(store.remove(key));
    }
    await Promise.all(removals);
  }
  const seconds = (performance.now() - began) / 1_000;
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  if (faulty > 0) throw new Error(`${String(faulty)} messages of the bench break its contract`);
  return { rate: count / seconds };
}
