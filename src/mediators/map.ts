import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { Mediator } from '../ports/mediator.ts';

const MapOptions = Type.Object(
  {
    to: Type.Optional(
      Type.String({ description: 'The type and version of the result, `type@1`. Without it the type stays as it is.' }),
    ),
    set: Type.Unknown({ description: 'The mapping: strings are CEL, other values are themselves.' }),
  },
  { additionalProperties: false },
);

/** `map: { to: oms.order.create@2, set: { orderId: data.id } }` */
export const map: Mediator = {
  name: 'map',
  describe: 'Makes new data from the message by a mapping, as the same type or as another one.',
  options: MapOptions,
  prepare(options, scope) {
    if (!Value.Check(MapOptions, options)) return undefined;
    const target = options.to ?? scope.type;
    const mapping = scope.mapping(options.set, ['set'], target);
    scope.becomes(target, ['to']);
    if (mapping === undefined) return undefined;
    return {
      run: (message) => {
        const data = mapping.evaluate(message);
        // Without a value the message would keep data of the type it came with.
        if (data === undefined) throw new WaybillError('WB_EXPRESSION_ABSENT', `${mapping.source} gives nothing`);
        return message.with({ data });
      },
    };
  },
};
