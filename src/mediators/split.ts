import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from '../errors.ts';
import type { Mediator, RouteMessage } from '../ports/mediator.ts';
import { checkVariableName } from './variable-name.ts';

/** A list of more is more likely a mistake than meant, and all of its messages are in memory at once. */
const MOST = 10_000;

const SplitOptions = Type.Object(
  {
    each: Type.String({
      minLength: 1,
      description: 'CEL that gives a list. An empty one, or none, ends the message here.',
    }),
    as: Type.String({
      minLength: 1,
      description: 'The variable that holds the element in later steps: `vars.<as>`.',
    }),
    max: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        default: MOST,
        description: 'Most elements; a message with more is refused.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** What `vars.split` says, so that whoever collects the parts knows when they are complete. */
interface Part {
  readonly index: number;
  readonly count: number;
  readonly group: string;
}

/** `split: { each: data.lines, as: line }` */
export const split: Mediator = {
  name: 'split',
  describe:
    'Makes one message of each element of a list, in order. Each keeps the data of the whole; `vars.<as>` is its element, and `vars.split` has its `index` (from 0), the `count` of all, and their `group`.',
  options: SplitOptions,
  prepare(options, scope) {
    if (!Value.Check(SplitOptions, options)) return undefined;
    const { each, as, max = MOST } = options;
    checkVariableName('split', as, ['as'], scope);
    if (as === 'split') {
      scope.fault(['as'], {
        code: 'WB_MEDIATOR_OPTION',
        message: 'split: vars.split says which element it is, so the element needs another name',
        fix: 'name it after what it is, such as line',
      });
    }
    const list = scope.expression(each, ['each'], 'list');
    if (list === undefined) return undefined;
    scope.adds(as, { elementOf: list });
    scope.adds('split', { fields: { index: 'number', count: 'number', group: 'text' } });
    return {
      run: (message) => {
        const elements: unknown = list.evaluate(message) ?? [];
        if (!Array.isArray(elements)) throw new WaybillError('WB_STEP_FAILED', `${each} is no list in this message`);
        const count = elements.length;
        if (count > max) {
          throw new WaybillError('WB_STEP_FAILED', `${each} has ${String(count)} elements, more than ${String(max)}`, {
            fix: 'Raise `max`, or send smaller lists.',
          });
        }
        const group = groupOf(message);
        return elements.map((element: unknown, index) => {
          const part: Part = { index, count, group };
          return message.with({ vars: { ...message.vars, [as]: element, split: part } });
        });
      },
    };
  },
};

/** The id of the message; of a part that is split again, also which part it was. */
function groupOf({ envelope, vars }: RouteMessage): string {
  const outer = vars['split'];
  return isPart(outer) ? `${outer.group}.${String(outer.index)}` : envelope.id;
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && 'group' in value && 'index' in value;
}
