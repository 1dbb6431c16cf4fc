import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { toError, WaybillError } from '../errors.ts';
import type { TransportStatus } from '../ports/transport.ts';
import type { Scrape } from './sdk.ts';

/** What of a process tells whether it can do its work. */
export interface HealthOf {
  readonly transport: { status(): TransportStatus };
  /** Why it does not go on with the applied plan, although it should. */
  readonly outdated: string | undefined;
}

export interface Health {
  /** Whether it can do its work at the moment. */
  readonly ready: boolean;
  /** What is wrong, one sentence each; of a process that is ready, what somebody should look at. */
  readonly wrong: readonly string[];
}

export function healthOf({ transport, outdated }: HealthOf): Health {
  const { connected, blocked, error } = transport.status();
  const failing = [
    ...(connected ? [] : [`the transport is not connected${error === undefined ? '' : `: ${error}`}`]),
    ...(blocked === undefined ? [] : [`the broker takes no messages: ${blocked}`]),
  ];
  return { ready: failing.length === 0, wrong: outdated === undefined ? failing : [...failing, outdated] };
}

const NOTHING_YET: Health = { ready: false, wrong: ['it starts, or ends'] };

export interface OperationsOptions {
  /** A function where it is served before there is anything to tell of: undefined then, and it is not ready. */
  readonly of: HealthOf | (() => HealthOf | undefined);
  /** Figures as Prometheus takes them; a text that says why there are none. */
  readonly scrape: Scrape | string;
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Operations extends AsyncDisposable {
  readonly port: number;
}

/**
 * Serves what orchestrators and Prometheus ask a process: `/live` (200 while it answers at all), `/ready` (200, or 503 with what is
 * wrong), `/metrics`. Nothing of messages, and nothing that changes anything; it has no login, so it listens on loopback unless told
 * otherwise.
 * @throws WB_OPTION_INVALID when the address cannot be listened on
 */
export async function serveOperations(options: OperationsOptions): Promise<Operations> {
  const { host = '127.0.0.1', port } = options;
  const server = createServer((request, response) => {
    respond(options, request, response);
  });
  const failed = once(server, 'error').then(([error]: unknown[]) => error);
  server.listen(port, host);
  const error = await Promise.race([once(server, 'listening').then(() => undefined), failed]);
  if (error !== undefined) {
    const why = toError(error).message;
    throw new WaybillError('WB_OPTION_INVALID', `${host}:${String(port)} cannot be listened on: ${why}`, {
      cause: error,
      fix: 'Name another address or port.',
    });
  }
  return { port: portOf(server), [Symbol.asyncDispose]: () => close(server) };
}

function respond({ of, scrape }: OperationsOptions, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    answer(response, 405, { error: 'only GET' });
    return;
  }
  const [path] = (request.url ?? '').split('?');
  switch (path) {
    case '/live':
      answer(response, 200, { live: true });
      return;
    case '/ready': {
      const subject = typeof of === 'function' ? of() : of;
      const health = subject === undefined ? NOTHING_YET : healthOf(subject);
      answer(response, health.ready ? 200 : 503, health);
      return;
    }
    case '/metrics':
      if (typeof scrape === 'string') answer(response, 501, { error: scrape });
      else scrape(request, response);
      return;
    default:
      answer(response, 404, { error: 'there is /live, /ready and /metrics' });
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
