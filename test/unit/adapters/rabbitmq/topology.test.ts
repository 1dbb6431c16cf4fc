import { expect } from 'chai';
import fc from 'fast-check';
import { delayKey, delaySeconds, LEVELS } from '../../../../src/adapters/rabbitmq/delays.ts';
import { endpointOfQueue, routingKey } from '../../../../src/adapters/rabbitmq/names.ts';
import { type BrokerTopology, brokerTopology } from '../../../../src/adapters/rabbitmq/topology.ts';
import { slotOf } from '../../../../src/message.ts';
import type { EndpointSpec, Topology } from '../../../../src/ports/topology.ts';

function endpoint(name: string, change: Partial<EndpointSpec> = {}): EndpointSpec {
  return { name, kind: 'service', ordering: 'key', partitions: 1, plain: false, ...change };
}

const TOPOLOGY: Topology = {
  bus: 'retail',
  slots: 16,
  endpoints: [
    endpoint('oms', { partitions: 4 }),
    endpoint('mail', { ordering: 'none', partitions: 3 }),
    endpoint('route.eu-orders'),
  ],
  bindings: [
    { type: 'shop.order.placed@1', endpoint: 'oms' },
    { type: 'shop.order.placed@1', endpoint: 'mail' },
  ],
};

/** AMQP's topic matching, the naive way. */
function matches(pattern: readonly string[], key: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return key.length === 0;
  if (head === '#') return Array.from({ length: key.length + 1 }, (_, n) => n).some((n) => matches(rest, key.slice(n)));
  return key.length > 0 && (head === '*' || head === key[0]) && matches(rest, key.slice(1));
}

/** The queues a broker with this topology would put a message into, and what none of an exchange's bindings takes. */
function route(topology: BrokerTopology, exchange: string, key: string): string[] {
  const spec = topology.exchanges.find(({ name }) => name === exchange);
  if (spec === undefined) throw new Error(`no exchange ${exchange}`);
  const found = topology.bindings.filter(
    ({ from, pattern }) => from === exchange && (spec.type === 'fanout' || matches(pattern.split('.'), key.split('.'))),
  );
  if (found.length === 0) return spec.alternate === undefined ? [] : route(topology, spec.alternate, key);
  return [...new Set(found.flatMap(({ to }) => ('queue' in to ? [to.queue] : route(topology, to.exchange, key))))];
}

/** Follows a delayed message from queue to queue: how long it waits, and where it ends. */
function delayed(topology: BrokerTopology, key: string): { seconds: number; queues: string[]; hops: number } {
  let at = 'retail.delay';
  let seconds = 0;
  for (let hops = 0; ; hops++) {
    const queues = route(topology, at, key);
    const level = topology.queues.find(({ name }) => name === queues[0] && name.startsWith('retail.delay.'));
    if (level === undefined) return { seconds, queues, hops };
    seconds += Number(level.arguments['x-message-ttl']) / 1_000;
    at = String(level.arguments['x-dead-letter-exchange']);
  }
}

/** What nobody hears there is no message. */
const HEARD = ['retail.members', 'retail.unrouted.watch'];

describe('the topology on the broker', () => {
  const topology = brokerTopology(TOPOLOGY, 1_000_000);

  it('leads a type to each endpoint bound to it, in the partition of its slot', () => {
    fc.assert(
      fc.property(fc.string(), (key) => {
        const slot = slotOf(key, 16);
        const queues = route(topology, 'retail.in', routingKey('shop.order.placed@1', slot));
        expect(queues).to.have.members([`retail.ep.oms.1.${String(slot % 4)}`, `retail.ep.mail.1.${String(slot % 3)}`]);
      }),
    );
  });

  it('leads what is addressed to an endpoint there alone, whatever its type', () => {
    expect(route(topology, 'retail.ep.route.eu-orders', 'crm/customer/updated@2.7')).to.deep.equal([
      'retail.ep.route.eu-orders.1.0',
    ]);
  });

  it('leads whatever nothing takes to the parking lot, from every exchange', () => {
    for (const { name } of topology.exchanges) {
      if (['retail.unrouted', 'retail.dead', ...HEARD].includes(name)) continue;
      expect(route(topology, name, 'no.such.key.at.all'), name).to.deep.equal(['retail.unrouted']);
    }
    expect(route(topology, 'retail.in', 'shop/return/asked@1.3')).to.deep.equal(['retail.unrouted']);
  });

  it('gives every exchange of messages an alternate that exists, and never itself', () => {
    const names = new Set<string | undefined>(topology.exchanges.map(({ name }) => name));
    for (const { name, alternate } of topology.exchanges) {
      expect(names.has(alternate), name).to.equal(!HEARD.includes(name));
      expect(alternate).not.to.equal(name);
    }
  });

  it('parks nothing that processes tell each other and nobody hears', () => {
    for (const name of HEARD) expect(route(topology, name, ''), name).to.deep.equal([]);
  });

  it('gives every quorum queue an explicit limit and a dead-letter exchange that exists', () => {
    const names = new Set(topology.exchanges.map(({ name }) => name));
    for (const { name, arguments: args } of topology.queues) {
      if (args['x-queue-type'] === 'stream') continue;
      expect(args['x-delivery-limit'], name).to.equal(1_000_000);
      expect(names.has(String(args['x-dead-letter-exchange'])), name).to.be.true;
    }
  });

  it('bounds the parking lot and no endpoint', () => {
    const bounded = topology.queues.filter(
      ({ arguments: args }) => args['x-max-length-bytes'] !== undefined && args['x-queue-type'] === 'quorum',
    );
    expect(bounded.map(({ name }) => name)).to.deep.equal(['retail.unrouted']);
    expect(bounded[0]?.arguments).to.include({ 'x-max-length-bytes': 1_000_000, 'x-overflow': 'reject-publish' });
  });

  it('has a single active consumer where a key is ordered, and there only', () => {
    const single = topology.queues.filter(({ arguments: args }) => args['x-single-active-consumer'] === true);
    expect(single.map(({ name }) => name)).to.have.members(
      [0, 1, 2, 3].map((n) => `retail.ep.oms.1.${String(n)}`).concat('retail.ep.route.eu-orders.1.0'),
    );
  });

  it('binds slots by two words, without #', () => {
    const slots = topology.bindings.filter(({ from }) => from === 'retail.ep.oms' || from === 'retail.in');
    expect(slots.some(({ pattern }) => pattern.includes('#'))).to.be.false;
  });

  it('delays a message by exactly the bits of its delay, one queue for each, and then to its slot', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** LEVELS - 1 }), fc.string(), (seconds, key) => {
        const slot = slotOf(key, 16);
        const found = delayed(topology, delayKey(seconds, 'mail', routingKey('shop.order.placed@1', slot)));
        expect(found.seconds).to.equal(seconds);
        expect(found.queues).to.deep.equal([`retail.ep.mail.1.${String(slot % 3)}`]);
        expect(found.hops).to.equal(seconds.toString(2).replaceAll('0', '').length);
      }),
    );
  });

  it('rounds delays up, by a seventh at most, to three queues', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (delayMs) => {
        const seconds = delaySeconds(delayMs);
        expect(seconds * 1_000).to.be.at.least(delayMs);
        expect(seconds).to.be.at.most(Math.max(8, (delayMs / 1_000 + 1) * 1.25));
        expect(seconds.toString(2).replaceAll('0', '').length).to.be.at.most(3);
      }),
    );
  });

  it('knows the endpoint of a queue by its name', () => {
    expect(endpointOfQueue('retail', 'retail.ep.route.eu-orders.1.3')).to.equal('route.eu-orders');
    expect(endpointOfQueue('retail', 'retail.dead')).to.equal(undefined);
  });
});
