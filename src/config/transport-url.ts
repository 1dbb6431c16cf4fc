import path from 'node:path';
import { WaybillError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { Secret } from './secret.ts';

/** Where the bus is reached. */
export interface TransportSetting {
  readonly kind: 'embedded' | 'rabbitmq';
  /** As adapters take it: `embedded:` with an absolute folder, or the url of the broker with user and password. */
  readonly url: Secret<string>;
  /** The url without what is secret, for people. */
  readonly shown: string;
}

const FORMS = 'Write embedded:<folder>, or an amqp:// or amqps:// url.';

/**
 * Reads `embedded:<folder>` (relative to `root`), `amqp://...` or `amqps://...`.
 * @throws WB_TRANSPORT_URL, whose message holds no more of the url than its scheme
 */
export function parseTransportUrl(url: string, root: string): TransportSetting {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1];
  if (scheme === 'embedded') {
    const folder = url.slice('embedded:'.length);
    if (folder === '' || folder.includes('\0'))
      throw refuse('embedded: is followed by no folder', 'Write embedded:.waybill.');
    const absolute = `embedded:${path.resolve(root, folder)}`;
    return { kind: 'embedded', url: new Secret(absolute), shown: absolute };
  }
  if (scheme === 'amqp' || scheme === 'amqps') {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (!url.startsWith(`${scheme}://`) || parsed === undefined || parsed.hostname === '') {
      throw refuse(
        `the ${scheme} url is not well formed`,
        `Write ${scheme}://user:password@host:port/vhost, with %-codes for characters such as @ and /.`,
      );
    }
    return { kind: 'rabbitmq', url: new Secret(url), shown: `${scheme}://${parsed.host}${parsed.pathname}` };
  }
  if (scheme === undefined) throw refuse('the transport is not a url', FORMS);
  const near = nearest(scheme, ['embedded', 'amqp', 'amqps']);
  throw refuse(`there is no transport of the scheme ${scheme}:`, near === undefined ? FORMS : `did you mean ${near}:?`);
}

/** Where steps keep their state when the transport does not. */
export type StoreSetting =
  | { readonly kind: 'embedded' /** Absolute. */; readonly folder: string }
  | { readonly kind: 'postgres'; readonly url: Secret<string> };

/** Reads `embedded:<folder>` or `postgres://...`. @throws WB_OPTION_INVALID, whose message holds nothing of the url */
export function parseStoreUrl(url: string, root: string): StoreSetting {
  if (/^embedded:[^\0]/.test(url))
    return { kind: 'embedded', folder: path.resolve(root, url.slice('embedded:'.length)) };
  if (/^postgres(?:ql)?:\/\//.test(url) && URL.canParse(url)) return { kind: 'postgres', url: new Secret(url) };
  throw new WaybillError('WB_OPTION_INVALID', 'store: expected a postgres:// url or embedded:<folder>', {
    fix: 'Write postgres://user:password@host/database or embedded:<folder>.',
  });
}

function refuse(message: string, fix: string): WaybillError {
  return new WaybillError('WB_TRANSPORT_URL', message, { fix });
}
