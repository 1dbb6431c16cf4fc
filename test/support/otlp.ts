import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { until } from './until.ts';

const list = (type: string, id: number) => ({ rule: 'repeated', type, id });
const one = (type: string, id: number) => ({ type, id });

/** What of the protocol is looked at, by https://opentelemetry.io/docs/specs/otlp/ and its proto files. */
const PROTOCOL = protobuf.Root.fromJSON({
  nested: {
    AnyValue: {
      oneofs: { value: { oneof: ['stringValue', 'boolValue', 'intValue', 'doubleValue'] } },
      fields: {
        stringValue: one('string', 1),
        boolValue: one('bool', 2),
        intValue: one('int64', 3),
        doubleValue: one('double', 4),
      },
    },
    KeyValue: { fields: { key: one('string', 1), value: one('AnyValue', 2) } },
    Resource: { fields: { attributes: list('KeyValue', 1) } },
    Scope: { fields: { name: one('string', 1) } },
    Status: { fields: { message: one('string', 2), code: one('int32', 3) } },
    Link: { fields: { traceId: one('bytes', 1), spanId: one('bytes', 2) } },
    Event: { fields: { name: one('string', 2), attributes: list('KeyValue', 3) } },
    Span: {
      fields: {
        traceId: one('bytes', 1),
        spanId: one('bytes', 2),
        parentSpanId: one('bytes', 4),
        name: one('string', 5),
        kind: one('int32', 6),
        start: one('fixed64', 7),
        end: one('fixed64', 8),
        attributes: list('KeyValue', 9),
        events: list('Event', 11),
        links: list('Link', 13),
        status: one('Status', 15),
      },
    },
    ScopeSpans: { fields: { scope: one('Scope', 1), spans: list('Span', 2) } },
    ResourceSpans: { fields: { resource: one('Resource', 1), scopeSpans: list('ScopeSpans', 2) } },
    Export: { fields: { resourceSpans: list('ResourceSpans', 1) } },
  },
}).lookupType('Export');

type Value = string | number | boolean;
type Pairs = readonly { readonly key: string; readonly value?: Readonly<Record<string, Value>> }[];

interface RawSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: Pairs;
  readonly events: readonly { readonly name: string; readonly attributes: Pairs }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code: number; readonly message: string } | null;
}

interface RawExport {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Pairs };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

/** A span as a collector got it. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parent: string;
  readonly service: string;
  readonly name: string;
  readonly kind: (typeof KINDS)[number];
  readonly attributes: Readonly<Record<string, Value>>;
  readonly events: readonly string[];
  /** Ids of spans. */
  readonly links: readonly string[];
  readonly failed: boolean;
}

/** What a collector does with what it gets. */
export type Mood = 'takes' | 'hangs' | 'refuses';

/** A collector of OTLP over HTTP and protobuf, on loopback. */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  /** Requests, whatever became of them. */
  requests = 0;
  mood: Mood = 'takes';
  /** Traces that nobody asks for any more. */
  readonly #over = new Set<string>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.#take(request, response, Buffer.concat(chunks));
      });
    });
  }

  static async start(): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    collector.#server.listen(0, '127.0.0.1');
    await once(collector.#server, 'listening');
    return collector;
  }

  /** The variables by which processes find it. Spans leave soon, so that tests need not wait. */
  get environment(): Readonly<Record<string, string>> {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the collector does not listen');
    return {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(address.port)}`,
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    };
  }

  /** Forgets all spans, those as well that still come of the traces that there are. */
  clear(): void {
    for (const { traceId } of this.spans.splice(0)) this.#over.add(traceId);
  }

  /** Waits until there are as many spans of a name. */
  async named(name: string, count = 1): Promise<readonly ReceivedSpan[]> {
    const all = (): readonly ReceivedSpan[] => this.spans.filter((span) => span.name === name);
    await until(`${String(count)} spans "${name}"`, () => all().length >= count, { describe: () => this.tree() });
    return all();
  }

  async one(name: string): Promise<ReceivedSpan> {
    const [first, ...others] = await this.named(name);
    if (first === undefined || others.length > 0) throw new Error(`not one "${name}" but ${this.tree()}`);
    return first;
  }

  byId(id: string): ReceivedSpan | undefined {
    return this.spans.find((span) => span.id === id);
  }

  /** The span that one belongs to; it may come later, from another process. */
  parentOf({ name, parent }: ReceivedSpan): Promise<ReceivedSpan> {
    return until(`the parent of "${name}"`, () => this.byId(parent), { describe: () => this.tree() });
  }

  /** The names from the root to a span. @param outside a parent that nobody sends */
  async path(span: ReceivedSpan, outside = ''): Promise<string[]> {
    if (span.parent === outside) return [span.name];
    return [...(await this.path(await this.parentOf(span), outside)), span.name];
  }

  /** All spans, as text. */
  tree(): string {
    const lines = (parent: string, depth: number): string[] =>
      this.spans
        .filter((span) => (parent === '' ? this.byId(span.parent) === undefined : span.parent === parent))
        .flatMap((span) => [
          `${'  '.repeat(depth)}${span.name} (${span.service}, ${span.kind}${span.failed ? ', failed' : ''})`,
          ...lines(span.id, depth + 1),
        ]);
    return lines('', 0).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #take(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    this.requests += 1;
    if (this.mood === 'hangs') return;
    if (this.mood === 'refuses') {
      response.writeHead(400).end('this collector takes nothing');
      return;
    }
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    if (request.url === '/v1/traces') this.spans.push(...read(bytes).filter(({ traceId }) => !this.#over.has(traceId)));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }
}

function read(body: Buffer): ReceivedSpan[] {
  const decoded = PROTOCOL.toObject(PROTOCOL.decode(body), { longs: Number, bytes: String, defaults: true });
  return (decoded as RawExport).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(attributesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => received(span, service)));
  });
}

function received(span: RawSpan, service: string): ReceivedSpan {
  return {
    service,
    traceId: hex(span.traceId),
    id: hex(span.spanId),
    parent: hex(span.parentSpanId),
    name: span.name,
    kind: KINDS[span.kind] ?? 'unspecified',
    attributes: attributesOf(span.attributes),
    events: span.events.map(({ name }) => name),
    links: span.links.map(({ spanId }) => hex(spanId)),
    failed: span.status?.code === 2,
  };
}

function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

function attributesOf(pairs: Pairs): Record<string, Value> {
  const values = pairs.map(({ key, value = {} }): [string, Value] => [key, Object.values(value)[0] ?? '']);
  return Object.fromEntries(values);
}
