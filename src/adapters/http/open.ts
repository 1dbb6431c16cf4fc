import type { Source } from '../../ports/resources.ts';
import { HttpSource, type HttpSourceOptions } from './source.ts';

/** One of them. Secret. */
export interface HttpAuth {
  readonly bearer?: string;
  readonly basic?: { readonly user: string; readonly password: string };
  readonly header?: { readonly name: string; readonly value: string };
}

export interface OpenHttpSourceOptions extends Omit<HttpSourceOptions, 'url' | 'headers' | 'cache'> {
  readonly http: string;
  readonly auth?: HttpAuth | undefined;
  readonly cache?: HttpSourceOptions['cache'] | undefined;
}

/** Opens a source as `sources:` says. Asks nothing yet. */
export function openHttpSource({ http, auth, cache, ...same }: OpenHttpSourceOptions): Source {
  return new HttpSource({ ...same, url: http, headers: headersOf(auth), ...(cache !== undefined && { cache }) });
}

function headersOf({ bearer, basic, header }: HttpAuth = {}): Readonly<Record<string, string>> {
  if (bearer !== undefined) return { authorization: `Bearer ${bearer}` };
  if (basic !== undefined) {
    return { authorization: `Basic ${Buffer.from(`${basic.user}:${basic.password}`, 'utf8').toString('base64')}` };
  }
  return header === undefined ? {} : { [header.name]: header.value };
}
