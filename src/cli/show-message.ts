import { type Contracts, type EncodedMessage, parseJson, toError, typeRef } from '../index.ts';

/** A message as people and machines are shown it: its attributes, and its data with sensitive values masked. */
export function shownMessage(
  { envelope, body }: EncodedMessage,
  contracts: Contracts,
): Readonly<Record<string, unknown>> {
  return { ...envelope, data: shownData({ envelope, body }, contracts) };
}

/** Data is shown only with the contract that says what in it is sensitive. */
function shownData({ envelope, body }: EncodedMessage, contracts: Contracts): unknown {
  const contract = contracts.get(typeRef(envelope.type, envelope.version));
  if (contract === undefined) return `(${String(body.byteLength)} bytes of a type without a contract)`;
  try {
    return contract.mask(parseJson(body));
  } catch (error) {
    return `(${String(body.byteLength)} bytes: ${toError(error).message})`;
  }
}
