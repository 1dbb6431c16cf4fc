import type {
  IoStep,
  Mediator,
  PluginOrigin,
  PureStep,
  RouteMessage,
  StatefulStep,
  Step,
  StepContract,
  StepScope,
  StepWork,
} from '../ports/mediator.ts';
import { atOnce, blame, blaming, blamingLater } from './blame.ts';
import { guardState } from './guard-state.ts';
import { isObject, Lent, rubbish } from './lent.ts';
import { freezeJson } from './plain-json.ts';

/** A mediator of a plugin, so wrapped that it can harm nobody but itself. */
export interface PluggedMediator extends Mediator {
  readonly plugin: PluginOrigin;
}

/** The function that a step of each kind has. */
const FUNCTIONS = { pure: 'run', io: 'perform', state: 'advance' } as const;

/**
 * Wraps the mediator of a plugin.
 *
 * | the plugin                                       | then                                                              |
 * |--------------------------------------------------|-------------------------------------------------------------------|
 * | throws                                           | WB_PLUGIN_FAILED by its name and file; again if it says retryable |
 * | writes to what it was given                      | WB_PLUGIN_FAILED: all of that is frozen                           |
 * | returns no message, or what is no JSON           | WB_PLUGIN_RESULT                                                  |
 * | returns data that breaks the contract            | WB_CONTRACT_VIOLATED by its name, before any later step sees it   |
 * | does not end (`io`)                              | the attempt ends in its time, and is made again                   |
 * | throws, or gives no step, while a route is checked | a fault of the configuration, where its options stand            |
 */
export function guard(mediator: Mediator, plugin: PluginOrigin): PluggedMediator {
  const { name, describe, options, runs = 'pure', state, mixes, ends } = mediator;
  const who = `the plugin ${name} (${plugin.from})`;
  return {
    name,
    describe,
    options,
    runs,
    ...(mixes !== undefined && { mixes }),
    ...(ends !== undefined && { ends }),
    ...(state !== undefined && { state: guardForm(state, who) }),
    plugin,
    prepare(written, scope) {
      let type = scope.type;
      const watched: StepScope = {
        ...scope,
        becomes(to, at) {
          type = to;
          scope.becomes(to, at);
        },
      };
      try {
        const step: unknown = atOnce(mediator.prepare(structuredClone(written), watched));
        if (step === undefined) return undefined;
        const contract = scope.contract(type, []);
        if (contract === undefined) return undefined;
        return guardStep(step, runs, { who, contract, retyped: type !== scope.type });
      } catch (thrown) {
        const { code, message, fix } = blame(who, thrown);
        scope.fault([], { code, message, ...(fix !== undefined && { fix }) });
        return undefined;
      }
    },
  };
}

/** What is known of a step that is not ours. */
interface Guarded {
  readonly who: string;
  /** What its data has to keep. */
  readonly contract: StepContract;
  /** Whether that is another one than before the step. */
  readonly retyped: boolean;
}

function guardStep(step: unknown, runs: 'pure' | 'io' | 'state', guarded: Guarded): Step {
  const name = FUNCTIONS[runs];
  if (!isObject(step) || typeof step[name] !== 'function') {
    throw rubbish(`prepare() gave no step with ${name}(), which a mediator that runs ${runs} has`);
  }
  // By what it says that it runs: a class may have other functions of these names.
  if (runs === 'pure' && isPure(step)) return guardPure(step, guarded);
  if (runs === 'io' && isIo(step)) return guardIo(step, guarded);
  if (runs === 'state' && isStateful(step)) {
    return guardState(step, { who: guarded.who, back: (given) => back(given, guarded) });
  }
  throw rubbish(`prepare() gave no step with ${name}()`);
}

function guardPure(step: PureStep, guarded: Guarded): PureStep {
  return { run: (message) => blaming(guarded.who, () => taken(step.run(new Lent(message)), guarded)) };
}

function guardIo(step: IoStep, guarded: Guarded): IoStep {
  return {
    async perform(message, work) {
      const { who } = guarded;
      const result: unknown = await blamingLater(
        who,
        () => step.perform(new Lent(message), lendWork(work)),
        work.signal,
      );
      return blaming(who, () => taken(result, guarded));
    },
  };
}

/** Answers are shared, and what the process has is not the plugin's to close. */
function lendWork(work: StepWork): StepWork {
  const { signal, attempt, id, resources } = work;
  return {
    signal,
    attempt,
    id,
    resources: {
      keys: (ring) => resources.keys(ring),
      async ask(source, question, until) {
        const answer = await resources.ask(source, question, until);
        if (answer !== undefined) freezeJson(answer.data);
        return answer;
      },
    },
    async request(question) {
      const data = await work.request(question);
      freezeJson(data);
      return data;
    },
    now: () => work.now(),
    pause: (ms) => work.pause(ms),
  };
}

/** What a step gave, as messages of ours. @throws WB_PLUGIN_RESULT, WB_CONTRACT_VIOLATED */
function taken(result: unknown, guarded: Guarded): RouteMessage | readonly RouteMessage[] | undefined {
  if (result === undefined) return undefined;
  return Array.isArray(result) ? result.map((each: unknown) => back(each, guarded)) : back(result, guarded);
}

/** One message that a step gave. @throws as `taken` */
function back(given: unknown, { contract, retyped }: Guarded): RouteMessage {
  atOnce(given);
  if (isObject(given) && 'then' in given) {
    throw rubbish('it returned a promise', "Write runs: 'io', and perform() instead of run().");
  }
  const message = Lent.back(given);
  // Later steps were checked against it, and rely on it.
  const violated = retyped || (given instanceof Lent && given.changed) ? contract.validate(message.data) : undefined;
  if (violated !== undefined) throw violated;
  return message;
}

function guardForm(form: NonNullable<Mediator['state']>, who: string): NonNullable<Mediator['state']> {
  const { version } = form;
  if (form.migrate === undefined) return { version };
  return { version, migrate: (state, from) => blaming(who, () => atOnce(form.migrate?.(state, from))) };
}

function isPure(step: object): step is PureStep {
  return 'run' in step;
}

function isIo(step: object): step is IoStep {
  return 'perform' in step;
}

function isStateful(step: object): step is StatefulStep {
  return 'advance' in step;
}
