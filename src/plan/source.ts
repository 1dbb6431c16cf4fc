import { WaybillError } from '../errors.ts';
import { parseTypeRef, type TypeRef } from '../message.ts';
import type { StepSource, StepTable } from '../ports/mediator.ts';

/** What the plan knows of a source, which a definition holds as it is written. Undefined after a fault of its own. */
export function sourceOf(name: string, written: unknown): StepSource | undefined {
  if (typeof written !== 'object' || written === null) return undefined;
  const { http, table, method, request, response, absent }: Readonly<Record<string, unknown>> = { ...written };
  const answer = refOf(response);
  if (answer !== undefined && typeof table === 'object' && table !== null) {
    const { key }: Readonly<Record<string, unknown>> = { ...table };
    if (typeof key !== 'string') return undefined;
    const find: StepTable['find'] = ({ tables }, of) => {
      if (tables === undefined) throw noTables(name);
      return tables.find(name, of);
    };
    return {
      request: undefined,
      response: answer,
      mayBeAbsent: true,
      byKey: true,
      method: 'GET',
      table: { key, find },
    };
  }
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

/** The names of the tables among sources. */
export function tableNames(sources: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(sources).flatMap(([name, written]) =>
    sourceOf(name, written)?.table === undefined ? [] : name,
  );
}

function noTables(name: string): WaybillError {
  return new WaybillError('WB_RESOURCE_MISSING', `this process has no table ${name}`, {
    fix: 'Start it where waybill.yaml is, with its `sources:`.',
  });
}
