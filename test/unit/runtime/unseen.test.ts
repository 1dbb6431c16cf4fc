import { expect } from 'chai';
import type { HistoryRecord } from '../../../src/ports/history.ts';
import type { EndpointSpec, Manifest } from '../../../src/ports/topology.ts';
import { pathsOf } from '../../../src/runtime/message-path.ts';
import { unseenOf } from '../../../src/runtime/unseen.ts';

const APPLIED = Date.parse('2026-01-01T00:00:00Z');

const endpoint = (name: string, kind: EndpointSpec['kind'] = 'service'): EndpointSpec => {
  return { name, kind, ordering: 'key', partitions: 1, plain: false };
};

const manifest: Manifest = {
  format: 1,
  bus: 'retail',
  edition: 'e',
  appliedAt: new Date(APPLIED).toISOString(),
  appliedBy: 'tests',
  topology: {
    bus: 'retail',
    slots: 16,
    endpoints: [
      endpoint('gateway', 'gateway'),
      endpoint('mail'),
      endpoint('oms'),
      endpoint('route.slow', 'route'),
      endpoint('router', 'router'),
    ],
    bindings: ['mail', 'route.slow', 'router'].map((name) => ({ type: 'shop.order.placed@1', endpoint: name })),
  },
  definition: {},
};

const record = (
  operation: HistoryRecord['operation'],
  by: string,
  more: Partial<HistoryRecord> = {},
): HistoryRecord => ({
  at: APPLIED + 1,
  took: 1,
  operation,
  by,
  process: 'here 1',
  message: 'a',
  type: 'shop.order.placed@1',
  conversation: 'a',
  ...more,
});

/** Of the message, and of what came of it: endpoints, or the type that nobody takes. */
function unseen(...records: readonly HistoryRecord[]): Record<string, unknown> {
  return Object.fromEntries(
    unseenOf(pathsOf('a', records), manifest).map(({ message, untaken, endpoints }) => {
      return [message, untaken ?? endpoints.map(({ name }) => name)];
    }),
  );
}

describe('where a message was not seen', () => {
  const published = record('publish', 'shop');

  it('is each endpoint that takes its type and has no record of it', () => {
    expect(unseen(published)).to.deep.equal({ a: ['mail', 'route.slow', 'router'] });
    expect(unseen(published, record('process', 'mail'))).to.deep.equal({ a: ['route.slow', 'router'] });
    expect(unseen(published, record('dead-letter', 'slow', { endpoint: 'route.slow' }))).to.deep.equal({
      a: ['mail', 'router'],
    });
  });

  it('is not where a route took it: its own endpoint, or that of the router', () => {
    expect(unseen(published, record('route', 'slow'))).to.deep.equal({ a: ['mail', 'router'] });
    expect(unseen(published, record('route', 'orders'))).to.deep.equal({ a: ['mail', 'route.slow'] });
    const before = record('route', 'slow', { at: APPLIED - 1 });
    expect(unseen(published, before), 'under an older plan').to.deep.equal({ a: ['mail'] });
  });

  it('is where a route sent it, and of what came of it as well', () => {
    const results = [
      { message: 'b', type: 'oms.order.create@1', to: 'oms' },
      { message: 'c', type: 'oms.order.create@1', to: 'reply' },
    ];
    const route = record('route', 'orders', { results });
    expect(unseen(route)).to.deep.equal({ b: ['oms'] });
    expect(unseen(route, record('process', 'oms', { message: 'b', cause: 'a' }))).to.deep.equal({});
  });

  it('is the whole bus where nobody takes its type', () => {
    const type = 'shop.cart.left@1';
    expect(unseen(record('publish', 'shop', { type }))).to.deep.equal({ a: type });
    expect(unseen(record('request', 'shop', { type }))).to.deep.equal({ a: type });
    expect(unseen(record('route', 'gateway', { type }))).to.deep.equal({ a: type });
    expect(unseen(record('route', 'gateway', { type, error: 'WB_MESSAGE_INVALID' }))).to.deep.equal({});
    expect(unseen(record('publish', 'shop', { type }), record('process', 'oms', { type }))).to.deep.equal({});
  });
});
