import type { TypeRef } from '../message.ts';
import { ROUTER, routeEndpoint } from '../plan/endpoint-name.ts';
import { GATEWAY } from '../ports/gateway.ts';
import type { HistoryRecord } from '../ports/history.ts';
import type { EndpointSpec, Manifest } from '../ports/topology.ts';
import { isSending, type MessagePath } from './message-path.ts';

/** Where a message goes by the applied plan, and nothing tells that it came there: it may wait there, or its records are missing. */
export interface Unseen {
  readonly message: string;
  /** It went onto the bus, of a type that no endpoint takes. */
  readonly untaken: TypeRef | undefined;
  readonly endpoints: readonly EndpointSpec[];
}

/** Of the messages of these paths, those of which something is to be told. */
export function unseenOf(paths: readonly MessagePath[], manifest: Manifest): readonly Unseen[] {
  return paths.flatMap((path) => {
    const below = unseenOf([...path.events.flatMap(({ made }) => made), ...path.made], manifest);
    const own = unseenAt(path, manifest);
    return own.untaken === undefined && own.endpoints.length === 0 ? below : [own, ...below];
  });
}

function unseenAt({ message, type, to, later, cut, events }: MessagePath, manifest: Manifest): Unseen {
  if (type === undefined || later || cut) return { message, untaken: undefined, endpoints: [] };
  const { endpoints, bindings } = manifest.topology;
  const records = events.map(({ record }) => record);
  const published = to.includes('bus') || records.some((record) => isSending(record) || isAdmission(record));
  const bound = published ? bindings.filter((binding) => binding.type === type).map(({ endpoint }) => endpoint) : [];
  const seen = new Set(records.flatMap((record) => placesOf(record, manifest)));
  return {
    message,
    untaken: published && bound.length === 0 && seen.size === 0 ? type : undefined,
    endpoints: endpoints.filter(({ name }) => (bound.includes(name) || to.includes(name)) && !seen.has(name)),
  };
}

/** What a client without the SDK sends is published by the gateway. */
function isAdmission({ operation, by, error }: HistoryRecord): boolean {
  return operation === 'route' && by === GATEWAY && error === undefined;
}

/** Endpoints that a record shows the message at. Under an older plan a route may have been run at either of two. */
function placesOf(
  { operation, by, endpoint, at }: HistoryRecord,
  { topology, appliedAt }: Manifest,
): readonly string[] {
  switch (operation) {
    case 'publish':
    case 'request':
      return [];
    case 'route': {
      if (by === GATEWAY) return [];
      const own = routeEndpoint(by);
      if (at < Date.parse(appliedAt)) return [own, ROUTER];
      return [topology.endpoints.some(({ name }) => name === own) ? own : ROUTER];
    }
    case 'process':
      return [by];
    case 'dead-letter':
      return endpoint === undefined ? [] : [endpoint];
  }
}
