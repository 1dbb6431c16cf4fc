import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { didYouMean } from '../nearest.ts';
import type { Mediator, PluginOrigin, RouteMessage, Step, StepContract, StepScope } from '../ports/mediator.ts';
import { atOnce, blaming, blamingLater } from './blame.ts';
import { isObject, Lent, rubbish } from './lent.ts';
import { freezeJson } from './plain-json.ts';

const ScriptOptions = Type.Object(
  {
    file: Type.String({
      minLength: 1,
      description: 'A JavaScript or TypeScript module, below the folder of waybill.yaml: `scripts/price.js`.',
    }),
    function: Type.Optional(
      Type.String({ minLength: 1, default: 'default', description: 'The name under which it exports the function.' }),
    ),
    to: Type.Optional(
      Type.String({
        description: 'The type and version of what it returns, `type@1`. Without it the type stays as it is.',
      }),
    ),
    async: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'It returns a promise, and may ask outside: the route is isolated.',
      }),
    ),
  },
  { additionalProperties: false },
);

/** A module that scripts of routes are in. */
export interface ScriptModule {
  readonly origin: PluginOrigin;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** The mediator `script` of a process, which has these modules. */
export interface ScriptMediator extends Mediator {
  /** The file that a step with these options names. */
  fileOf(options: unknown): string | undefined;
  /** Undefined when this process does not have it. */
  origin(file: string): PluginOrigin | undefined;
}

/** `script: { file: scripts/price.js, to: shop.order.priced@1 }` @param modules by file */
export function makeScript(modules: ReadonlyMap<string, ScriptModule>): ScriptMediator {
  return {
    name: 'script',
    describe:
      'Makes new data by a function of a file of your own. It gets the message (`data`, `vars`, `envelope`), frozen, and returns the data.',
    options: ScriptOptions,
    fileOf: (options) => (isObject(options) && typeof options['file'] === 'string' ? options['file'] : undefined),
    origin: (file) => modules.get(file)?.origin,
    prepare(options, scope) {
      if (!Value.Check(ScriptOptions, options)) return undefined;
      const target = options.to ?? scope.type;
      const contract = scope.contract(target, ['to']);
      const run = functionOf(options, modules, scope);
      scope.becomes(target, ['to']);
      if (contract === undefined || run === undefined) return undefined;
      return stepOf(run, { who: `the script ${options.file}`, contract, isAsync: options.async === true });
    },
  };
}

export const script: Mediator = makeScript(new Map());

/** Of the user's: what it takes and gives is checked. */
type ScriptFunction = (message: Lent) => unknown;

function functionOf(
  { file, function: name = 'default' }: Static<typeof ScriptOptions>,
  modules: ReadonlyMap<string, ScriptModule>,
  scope: StepScope,
): ScriptFunction | undefined {
  const module = modules.get(file);
  if (module === undefined) {
    scope.fault(['file'], { code: 'WB_PLUGIN_MISSING', message: `this process does not have the script ${file}` });
    return undefined;
  }
  // Of a CommonJS module everything may stand under `default`.
  const { exports } = module;
  const inner = isObject(exports['default']) ? exports['default'] : {};
  const found = typeof exports[name] === 'function' ? exports[name] : inner[name];
  if (isFunction(found)) return found;
  const all = Object.entries({ ...inner, ...exports });
  const known = all.flatMap(([each, value]) => (typeof value === 'function' ? each : []));
  const fix = known.length === 0 ? 'Write: export default (message) => ({ ... });' : `It exports ${known.join(', ')}.`;
  scope.fault(['function'], {
    code: 'WB_PLUGIN_INVALID',
    message: `the script ${file} exports no function ${name}`,
    fix: didYouMean(name, known) ?? fix,
  });
  return undefined;
}

function stepOf(
  run: ScriptFunction,
  { who, contract, isAsync }: { readonly who: string; readonly contract: StepContract; readonly isAsync: boolean },
): Step {
  const made = (data: unknown, message: RouteMessage): RouteMessage => {
    if (data === undefined) throw rubbish('it returned nothing', 'Return the new data; to end a message use filter.');
    const wrong = freezeJson(data, 'data');
    if (wrong !== undefined) {
      throw rubbish(wrong, data instanceof Promise ? 'Write async: true in the step.' : undefined);
    }
    const violated = contract.validate(data);
    if (violated !== undefined) throw violated;
    return message.with({ data });
  };
  if (!isAsync) return { run: (message) => blaming(who, () => made(atOnce(run(new Lent(message))), message)) };
  return {
    async perform(message, work) {
      const data = await blamingLater(who, () => run(new Lent(message)), work.signal);
      return blaming(who, () => made(data, message));
    },
  };
}

function isFunction(value: unknown): value is ScriptFunction {
  return typeof value === 'function';
}
