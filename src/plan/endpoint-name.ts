/** The endpoint at which inline routes take their messages. */
export const ROUTER = 'router';

/** The endpoint at which an isolated route takes its messages. */
export function routeEndpoint(route: string): string {
  return `route.${route}`;
}

/** The route whose endpoint it is; undefined for any other endpoint. */
export function routeOfEndpoint(endpoint: string): string | undefined {
  return endpoint.startsWith('route.') ? endpoint.slice('route.'.length) : undefined;
}
