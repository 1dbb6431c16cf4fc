import { WaybillError } from '../../errors.ts';

/** Where a store is, as its url says it. */
export interface Address {
  /** As the driver takes it. Holds the password. */
  readonly connectionString: string;
  readonly schema: string;
  /** The url without what is secret, for people. */
  readonly shown: string;
}

const FIX = 'Write postgres://user:password@host:5432/database?schema=waybill.';

/**
 * Reads `postgres://user:password@host:port/database?schema=name`; what else stands in the query is the driver's: `sslmode`,
 * `sslrootcert` and others of libpq.
 * @throws WB_STORE_URL, whose message holds nothing of the url
 */
export function parseAddress(text: string): Address {
  if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) {
    throw new WaybillError('WB_STORE_URL', 'the url of the store is not a well-formed postgres:// url', { fix: FIX });
  }
  const url = new URL(text);
  const schema = url.searchParams.get('schema') ?? 'waybill';
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_')) {
    throw new WaybillError(
      'WB_STORE_URL',
      `?schema= of the store's url: expected lower-case letters, digits and _, found ${JSON.stringify(schema)}`,
      { fix: FIX },
    );
  }
  url.searchParams.delete('schema');
  const host = url.host === '' ? (url.searchParams.get('host') ?? 'localhost') : url.host;
  return { connectionString: url.href, schema, shown: `postgres://${host}${url.pathname}?schema=${schema}` };
}
