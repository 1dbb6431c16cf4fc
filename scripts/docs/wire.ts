import { slotOf } from '../../src/message.ts';
import { code, generated, page, table } from './markdown.ts';

const KEYS = ['a', 'o-1', 'CA-2016-152156', 'CG-12520', '0', 'Zürich', '東京', '🚚'];
const SLOTS = [1, 4, 16, 64];

export function wirePage(): string {
  return page(
    generated('src/message.ts'),
    '# On the wire',
    'For clients without the SDK. A message on RabbitMQ is told by its content type:',
    table(
      ['form', 'content type', 'is'],
      [
        ['binary', '`application/json`', 'the body is `data`; attributes are `cloudEvents:*` headers'],
        ['structured', '`application/cloudevents+json`', 'one CloudEvent as JSON'],
        ['batch', '`application/cloudevents-batch+json`', 'a JSON array of events, all of one type and slot'],
        ['plain', '`application/json`', 'at the gateway: any message with the `type` property and a JSON body'],
      ],
    ),
    'A receiver with `client: plain` gets single messages: binary, or structured where the attributes are too long for headers.',
    '## Answering a request',
    'A message with the attribute `replyto` (and the AMQP property `reply_to`) is a request. Its answer is a message in the binary form, of the type that ' +
      '`x-reply` in the contract of the request names, with the id of the request as `causationid`, published to the exchange `<bus>.reply` with ' +
      '`replyto` as its routing key. A request that cannot be answered is answered with `waybill.request.failed@1`: `{ "code", "error" }`. After ' +
      '`expirytime` nobody waits any more. Who asks binds a queue of its own to `<bus>.reply` and names the key of the binding in `reply_to`.',
    '## The slot of a key',
    'Order is kept for each key, so messages of one key share a slot: FNV-1a (32 bits) of the UTF-8 bytes of the key, modulo the number of ' +
      'slots. Without a key it is the slot of the id, and no order is promised.',
    table(
      ['key', ...SLOTS.map((slots) => `slot of ${String(slots)}`)],
      KEYS.map((key) => [code(key), ...SLOTS.map((slots) => String(slotOf(key, slots)))]),
    ),
  );
}
