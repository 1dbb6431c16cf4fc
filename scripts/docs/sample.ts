import { fileURLToPath } from 'node:url';
import { loadConfiguration } from '../../src/config/load.ts';
import type { Contracts } from '../../src/contracts/contracts.ts';
import { compileContracts } from '../../src/contracts/registry.ts';

/** The contracts of the bus at the top of this repository. */
export async function sampleContracts(): Promise<Contracts> {
  const { definition } = await loadConfiguration({ path: fileURLToPath(new URL('../../', import.meta.url)) });
  return compileContracts(definition.contracts, definition.casts, { trusted: true }).contracts;
}
