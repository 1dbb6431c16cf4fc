import { WaybillError } from '../../errors.ts';
import { type Envelope, type EnvelopeDraft, parseTypeRef, typeRef } from '../../message.ts';

/** CloudEvents attributes by their names in the specification; all of ours are strings. */
export type Attributes = Record<string, string>;

/** Attributes beside the extensions of others, by their names in CloudEvents and in code. */
export const OPTIONAL_ATTRIBUTES = [
  ['subject', 'subject'],
  ['partitionkey', 'key'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
  ['correlationid', 'correlationId'],
  ['causationid', 'causationId'],
  ['expirytime', 'expiryTime'],
  ['replyto', 'replyTo'],
] as const;

const RESERVED = new Set([
  ...['specversion', 'id', 'source', 'type', 'time', 'dataschema', 'datacontenttype', 'data', 'data_base64'],
  ...OPTIONAL_ATTRIBUTES.map(([name]) => name),
]);

/** Of `dataschema`. */
export const SCHEMA_PREFIX = 'waybill:';
const NONE: readonly [string, string][] = [];

/** As they stand on the wire, without `datacontenttype`, which says how the body is written. */
export function toAttributes(envelope: Envelope): Attributes {
  const attributes: Attributes = {
    specversion: '1.0',
    id: envelope.id,
    source: envelope.source,
    type: envelope.type,
    time: envelope.time,
    dataschema: SCHEMA_PREFIX + typeRef(envelope.type, envelope.version),
  };
  for (const [name, property] of OPTIONAL_ATTRIBUTES) {
    const value = envelope[property];
    if (value !== undefined) attributes[name] = value;
  }
  for (const [name, value] of extensionsOf(envelope)) attributes[name] = value;
  return attributes;
}

/** Extension attributes of others. */
export function extensionsOf({ headers }: Envelope): readonly (readonly [string, string])[] {
  // Plain JavaScript may hand over null.
  return headers ? Object.entries(headers).filter(([name]) => !RESERVED.has(name)) : NONE;
}

/**
 * @param attributes as they came, whatever their types, by name
 * @param fallback used for attributes that are missing, from the AMQP properties
 * @throws WB_MESSAGE_INVALID
 */
export function fromAttributes(
  attributes: Readonly<Record<string, unknown>>,
  fallback: Partial<Envelope> = {},
): Envelope {
  const { type, version } = typeOf(textOf(attributes, 'type'), textOf(attributes, 'dataschema'), fallback);
  const id = textOf(attributes, 'id') ?? fallback.id;
  const source = textOf(attributes, 'source') ?? fallback.source;
  const time = textOf(attributes, 'time') ?? fallback.time;
  if (id === undefined || id === '') throw missing('id');
  if (source === undefined || source === '') throw missing('source');
  if (time === undefined) throw missing('time');
  const envelope: EnvelopeDraft = { id, source, type, version, time };
  for (const [name, property] of OPTIONAL_ATTRIBUTES) {
    const value = textOf(attributes, name) ?? fallback[property];
    if (value !== undefined) envelope[property] = value;
  }
  let headers: Record<string, string> | undefined;
  for (const name of Object.keys(attributes)) {
    if (RESERVED.has(name)) continue;
    const value = textOf(attributes, name);
    if (value !== undefined) (headers ??= {})[name] = value;
  }
  if (headers !== undefined) envelope.headers = headers;
  return envelope;
}

function typeOf(
  type: string | undefined,
  schema: string | undefined,
  fallback: Partial<Envelope>,
): Pick<Envelope, 'type' | 'version'> {
  const ref = schema?.startsWith(SCHEMA_PREFIX) === true ? parseTypeRef(schema.slice(SCHEMA_PREFIX.length)) : undefined;
  if (ref !== undefined && (type === undefined || type === ref.type)) return ref;
  const written = type === undefined ? undefined : (parseTypeRef(type) ?? undefined);
  if (written !== undefined) return written;
  const known = fallback.type;
  if (ref === undefined && known !== undefined && fallback.version !== undefined && (type ?? known) === known) {
    return { type: known, version: fallback.version };
  }
  if (type === undefined && known === undefined) throw missing('type');
  throw new WaybillError(
    'WB_MESSAGE_INVALID',
    `the attributes type "${type ?? ''}" and dataschema "${schema ?? ''}" name no type`,
    {
      fix: 'Send dataschema as waybill:<type>@<major>, such as waybill:shop.order.placed@1, with the same type.',
    },
  );
}

function textOf(attributes: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = attributes[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  throw new WaybillError('WB_MESSAGE_INVALID', `the attribute "${name}" is ${typeof value}, expected a string`);
}

function missing(name: string): WaybillError {
  return new WaybillError('WB_MESSAGE_INVALID', `the attribute "${name}" is missing`);
}
