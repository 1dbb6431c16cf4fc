import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export type Respond = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server on loopback that answers as the test says, and notes what it was asked. */
export class HttpServer implements AsyncDisposable {
  /** `GET /customers/a`, and what was sent behind it. */
  readonly asked: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  /** Requests in hand now, and the most there ever were. */
  open = 0;
  most = 0;
  respond: Respond;
  readonly #server: Server;

  private constructor(respond: Respond) {
    this.respond = respond;
    this.#server = createServer((request, response) => {
      this.open += 1;
      this.most = Math.max(this.most, this.open);
      response.once('close', () => {
        this.open -= 1;
      });
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        this.asked.push(`${String(request.method)} ${String(request.url)}${body === '' ? '' : ` ${body}`}`);
        this.headers.push(request.headers);
        this.respond(request, response, body);
      });
    });
  }

  static async start(respond: Respond = json({})): Promise<HttpServer> {
    const server = new HttpServer(respond);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the server does not listen');
    return `http://127.0.0.1:${String(address.port)}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export function json(value: unknown, status = 200): Respond {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
}

export function answer(status: number, text = '', type = 'text/plain', headers: object = {}): Respond {
  return (_, response) => {
    response.writeHead(status, { 'content-type': type, ...headers }).end(text);
  };
}
