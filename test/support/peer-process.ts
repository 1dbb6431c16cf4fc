/**
 * Another process on a bus: does what its parent asks of it until it is told to end, or killed. It holds nothing but the
 * product's own transports, so killing it is what a crash of a service or a router is.
 */
import { toError, WaybillError } from '../../src/errors.ts';
import type { Consumer, Delivery, Settlement, Transport } from '../../src/ports/transport.ts';
import type { PeerCommand, PeerEvent, PeerRequest, PeerSettlement } from './peer-protocol.ts';
import { openTarget } from './targets.ts';

interface Connection {
  readonly transport: Transport;
  readonly deliveries: Delivery[];
  /** Deliveries may come before it is there. */
  consumer?: Promise<Consumer>;
}

const connections = new Map<number, Connection>();

function tell(event: PeerEvent): void {
  process.send?.(event);
}

function connection(on: number): Connection {
  const found = connections.get(on);
  if (found === undefined) throw new Error(`no connection ${String(on)}`);
  return found;
}

function consumerOf(on: number): Promise<Consumer> {
  const { consumer } = connection(on);
  if (consumer === undefined) throw new Error(`connection ${String(on)} does not consume`);
  return consumer;
}

function deliveryOf(on: number, index: number): Delivery {
  const delivery = connection(on).deliveries[index];
  if (delivery === undefined) throw new Error(`no delivery ${String(index)}`);
  return delivery;
}

function settlementOf(on: number, asked: PeerSettlement): Settlement {
  const delivery = deliveryOf(on, asked.delivery);
  if (asked.outcome === 'dead') return { delivery, outcome: 'dead', sends: [], deaths: asked.deaths };
  const { sends, unit } = asked;
  return { delivery, outcome: 'done', sends, ...(unit !== undefined && { unit }) };
}

async function consume(on: number, endpoint: string, window: number): Promise<void> {
  const found = connection(on);
  const { transport, deliveries } = found;
  found.consumer = transport.consume(endpoint, {
    window,
    receive: (received) => {
      for (const delivery of received) {
        const index = deliveries.push(delivery) - 1;
        const { message, lease, suspect, attempts } = delivery;
        tell({ delivery: { on, index, message, partition: lease.partition, suspect, attempts } });
      }
    },
  });
  await found.consumer;
}

async function perform(command: PeerCommand): Promise<number | boolean | undefined> {
  const { on } = command;
  switch (command.do) {
    case 'open':
      connections.set(on, { transport: await openTarget(command.target), deliveries: [] });
      return undefined;
    case 'apply':
      await connection(on).transport.apply(command.manifest);
      return undefined;
    case 'send':
      await connection(on).transport.send(command.outgoing);
      return undefined;
    case 'consume':
      await consume(on, command.endpoint, command.window);
      return undefined;
    case 'begin':
      return (await consumerOf(on)).begin(deliveryOf(on, command.delivery));
    case 'settle':
      await (await consumerOf(on)).settle(command.settlements.map((asked) => settlementOf(on, asked)));
      return undefined;
    case 'redrive':
      return connection(on).transport.dead.redrive(command.filter, command.action);
    case 'owner':
      return connection(on).transport.status().owner;
    case 'close':
      await connection(on).transport.close();
      connections.delete(on);
      return undefined;
  }
}

process.on('message', (request: PeerRequest) => {
  perform(request.command).then(
    (result) => {
      tell({ id: request.id, result });
    },
    (thrown: unknown) => {
      const error = toError(thrown);
      tell({
        id: request.id,
        code: error instanceof WaybillError ? error.code : undefined,
        error: error.stack ?? error.message,
      });
    },
  );
});
process.on('disconnect', () => {
  process.exit();
});
