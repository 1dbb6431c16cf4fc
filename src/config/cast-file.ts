import Type from 'typebox';
import { options } from './shape.ts';

const mapping = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    additionalProperties: true,
    'x-expected': 'a mapping, as under `set` of a map step',
    description,
  });

/** `schemas/<domain>/<name>.v1-v2.yaml`: how data of one major becomes data of another. */
export const CastFile = options(
  {
    up: mapping('Makes data of the newer major from data of the older. It must keep the key.'),
    down: Type.Optional(mapping('Makes data of the older major from data of the newer.')),
    describe: Type.Optional(Type.String({ description: 'Why, for people.' })),
  },
  { 'x-expected': 'a cast, with `up:` and perhaps `down:`', description: 'A cast between two majors of a contract.' },
);

export type CastFile = Type.Static<typeof CastFile>;
