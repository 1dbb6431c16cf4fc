import { generateTypes } from '../../src/contracts/types.ts';
import { sampleContracts } from './sample.ts';

/** The types of the sample bus for the demo: what `waybill types` writes. */
export async function demoTypes(): Promise<string> {
  const contracts = await sampleContracts();
  return generateTypes(contracts.all, { module: '../src/index.ts' });
}
