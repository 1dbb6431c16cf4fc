import { WaybillError } from '../../src/errors.ts';

/** The error a promise rejects with: Waybill's own, since every refusal has a name. */
export async function rejection(promise: Promise<unknown>): Promise<WaybillError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof WaybillError) return error;
    throw new Error(`expected an error of Waybill, found ${String(error)}`, { cause: error });
  }
  throw new Error(`expected a rejection, resolved to ${String(value)}`);
}
