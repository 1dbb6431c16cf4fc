import { parseTypeRef, type TypeRef } from '../message.ts';
import type { StepSource } from '../ports/mediator.ts';

/** What the plan knows of a source, which a definition holds as it is written. Undefined after a fault of its own. */
export function sourceOf(written: unknown): StepSource | undefined {
  if (typeof written !== 'object' || written === null) return undefined;
  const { http, method, request, response, absent }: Readonly<Record<string, unknown>> = { ...written };
  const answer = refOf(response);
  if (typeof http !== 'string' || answer === undefined) return undefined;
  return {
    request: refOf(request),
    response: answer,
    mayBeAbsent: Array.isArray(absent) && absent.length > 0,
    byKey: http.includes('{key}'),
    method: typeof method === 'string' ? method : 'GET',
  };
}

function refOf(value: unknown): TypeRef | undefined {
  return typeof value === 'string' && parseTypeRef(value) !== undefined ? value : undefined;
}
