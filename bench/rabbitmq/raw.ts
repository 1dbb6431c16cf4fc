import { randomUUID } from 'node:crypto';
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import type { Arrived, Consumer, Publisher, Site } from './actor.ts';
import { type Column, IN_FLIGHT, PARTITIONS } from './columns.ts';
import { type Load, refs, type Stamped, slot } from './load.ts';

/** What an expert would write by hand on amqplib: confirms, persistent, quorum queues, one active consumer for each queue. */

const queueOf = (prefix: string, hop: number, partition: number): string =>
  `${prefix}.${String(hop)}.${String(partition)}`;

/** Declares the queues, and for the road through exchanges the same exchanges and bindings that Waybill makes. */
export async function declareRaw({ url, prefix, hops }: Site, { exchanges }: Column): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (let hop = 1; hop <= hops; hop++) {
    const front = `${prefix}.${String(hop)}.in`;
    const back = `${prefix}.${String(hop)}.ep`;
    if (exchanges) {
      await channel.assertExchange(front, 'topic');
      await channel.assertExchange(back, 'topic');
      for (const ref of refs()) await channel.bindExchange(back, front, `${word(ref)}.*`);
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const queue = queueOf(prefix, hop, partition);
      const options = { 'x-queue-type': 'quorum', 'x-single-active-consumer': true };
      await channel.assertQueue(queue, { durable: true, arguments: options });
      for (let n = partition; exchanges && n < 16; n += PARTITIONS)
        await channel.bindQueue(queue, back, `*.${String(n)}`);
    }
  }
  await connection.close();
}

function word(ref: string): string {
  return ref.replaceAll('.', '/');
}

/** Publishes JSON with confirms, one order in an AMQP message or `size` of them. */
class Sender {
  readonly #channel: ConfirmChannel;
  readonly #site: Site;
  readonly #hop: number;
  readonly #column: Column;
  size = 1;
  parcels = 0;
  messages = 0;
  #underWay = 0;
  readonly #gathered: { routingKey: string; texts: string[]; done: (() => void)[] }[] = Array.from(
    { length: PARTITIONS },
    () => ({ routingKey: '', texts: [], done: [] }),
  );

  constructor(channel: ConfirmChannel, site: Site, hop: number, column: Column) {
    this.#channel = channel;
    this.#site = site;
    this.#hop = hop;
    this.#column = column;
  }

  one({ key, ref, data }: Load, done: () => void): void {
    const at = slot(key);
    const text = JSON.stringify(this.#column.events ? event(ref, key, data) : data);
    if (!this.#column.batches) {
      const { prefix } = this.#site;
      const exchange = this.#column.exchanges ? `${prefix}.${String(this.#hop)}.in` : '';
      const routingKey = this.#column.exchanges
        ? `${word(ref)}.${String(at)}`
        : queueOf(prefix, this.#hop, at % PARTITIONS);
      this.#publish(exchange, routingKey, text, 1, done);
      return;
    }
    const gathered = this.#gathered[at % PARTITIONS];
    if (gathered === undefined) return;
    gathered.routingKey = `${word(ref)}.${String(at)}`;
    gathered.texts.push(text);
    gathered.done.push(done);
    if (gathered.texts.length >= this.size) this.#flushPartition(at % PARTITIONS);
  }

  /** A batch of results of one partition. */
  many(texts: readonly string[], partition: number, done: () => void, routingKey?: string): void {
    const { prefix } = this.#site;
    const through = this.#column.exchanges && routingKey !== undefined;
    const exchange = through ? `${prefix}.${String(this.#hop)}.in` : '';
    const address = through ? routingKey : queueOf(prefix, this.#hop, partition);
    this.#publish(exchange, address, `[${texts.join(',')}]`, texts.length, done);
  }

  flush(): void {
    for (let partition = 0; partition < PARTITIONS; partition++) this.#flushPartition(partition);
  }

  #flushPartition(partition: number): void {
    const gathered = this.#gathered[partition];
    if (gathered === undefined || gathered.texts.length === 0) return;
    const { routingKey, texts, done } = gathered;
    this.#gathered[partition] = { routingKey: '', texts: [], done: [] };
    const all = (): void => {
      for (const each of done) each();
    };
    this.many(texts, partition, all, routingKey);
  }

  #publish(exchange: string, routingKey: string, text: string, messages: number, done: () => void): void {
    this.parcels += 1;
    this.messages += messages;
    this.#underWay += 1;
    const { events } = this.#column;
    const properties = { persistent: true, contentType: 'application/json', ...(events && eventHeaders(messages)) };
    this.#channel.publish(exchange, routingKey, Buffer.from(text), properties, (error: unknown) => {
      if (error !== null && error !== undefined) throw new Error('refused', { cause: error });
      this.#underWay -= 1;
      done();
      // Else what waits for a batch to fill would wait for ever when the window is full of it.
      if (this.#underWay === 0) this.flush();
    });
  }
}

interface Event {
  readonly data: Stamped;
}

/** As many bytes as Waybill writes, in the same attributes. */
function event(ref: string, key: string, data: Stamped): Event {
  const id = randomUUID();
  const attributes = {
    specversion: '1.0',
    id,
    source: '/orders',
    type: ref.slice(0, ref.indexOf('@')),
    dataschema: `waybill:${ref}`,
    time: new Date().toISOString(),
    partitionkey: key,
    correlationid: id,
    datacontenttype: 'application/json',
  };
  return { ...attributes, data };
}

/** As Waybill's: who sent it, and where the data of each member begins and ends. */
function eventHeaders(messages: number): { readonly mandatory: true; readonly headers: object } {
  return { mandatory: true, headers: { sent: randomUUID(), offsets: Buffer.alloc(8 * messages) } };
}

async function sender(connection: ChannelModel, site: Site, hop: number, column: Column): Promise<Sender> {
  const channel = await connection.createConfirmChannel({ highWaterMark: 16_384 });
  return new Sender(channel, site, hop, column);
}

/** @param size messages of a hand-made batch, as it is now */
export async function rawPublisher(site: Site, column: Column, size: () => number): Promise<Publisher> {
  const connection = await connect(site.url, { noDelay: true });
  const out = await sender(connection, site, 1, column);
  return {
    publish(load, done) {
      out.size = size();
      out.one(load, done);
    },
    flush: () => {
      out.flush();
    },
    sent: () => Promise.resolve({ parcels: out.parcels, messages: out.messages }),
    close: () => connection.close(),
  };
}

export async function rawConsumer(site: Site, { batches }: Column, arrived: Arrived): Promise<Consumer> {
  const connection = await connect(site.url, { noDelay: true });
  await eachQueue(connection, site.prefix, site.hops, batches, (channel) => (message) => {
    const value = JSON.parse(message.content.toString()) as Stamped | (Stamped | Event)[];
    if (Array.isArray(value)) for (const each of value) arrived('data' in each ? each.data.at : each.at);
    else arrived(value.at);
    channel.ack(message);
  });
  return { close: () => connection.close() };
}

/** The hop between: parses, asks the predicate, maps, publishes with confirm, and acknowledges after it. */
export async function rawRouter(site: Site, column: Column): Promise<Consumer> {
  const outgoing = await connect(site.url, { noDelay: true });
  const incoming = await connect(site.url, { noDelay: true });
  const out = await sender(outgoing, site, 2, column);
  await eachQueue(incoming, site.prefix, 1, column.batches, (channel, partition) => (message) => {
    const value = JSON.parse(message.content.toString()) as Stamped | Stamped[];
    const texts = (Array.isArray(value) ? value : [value]).filter(wanted).map((each) => JSON.stringify(shipment(each)));
    const done = (): void => {
      channel.ack(message);
    };
    if (texts.length === 0) done();
    else if (column.batches) out.many(texts, partition, done);
    else out.many(texts.slice(0, 1), partition, done);
  });
  return {
    async close() {
      await incoming.close();
      await outgoing.close();
    },
  };
}

const COUNTRIES = ['DE', 'FR', 'NL'];

function wanted({ shipTo, total }: Stamped): boolean {
  return COUNTRIES.includes(shipTo.country) && total > 0;
}

function shipment(data: Stamped): object {
  return {
    orderId: data.id,
    customer: data.customerId,
    country: data.shipTo.country,
    items: data.lines.map(({ sku, quantity }) => ({ sku, pieces: quantity })),
    total: data.total,
    at: data.at,
  };
}

type Take = (message: { readonly content: Buffer } & Parameters<Channel['ack']>[0]) => void;

async function eachQueue(
  connection: ChannelModel,
  prefix: string,
  hop: number,
  batches: boolean,
  take: (channel: Channel, partition: number) => Take,
): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const channel = await connection.createChannel({ highWaterMark: 16_384 });
    await channel.prefetch(batches ? 256 : IN_FLIGHT);
    const each = take(channel, partition);
    await channel.consume(queueOf(prefix, hop, partition), (message) => {
      if (message !== null) each(message);
    });
  }
}
