/** The door for those who write mediators: `import { defineMediator } from 'waybill/plugin'`. */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { WaybillError } from './errors.ts';
import type { IoStep, Mediator, PureStep, StatefulStep, Step, StepScope } from './ports/mediator.ts';

export { type Static, Type } from 'typebox';
export { type ErrorCode, type Fault, WaybillError } from './errors.ts';
export { ExactNumber } from './json.ts';
export type { Envelope, TypeRef } from './message.ts';
export type * from './ports/mediator.ts';
export type { Answer, KeyRing, Question, Resources } from './ports/resources.ts';

interface SketchOf<Options extends TSchema, Runs, S extends Step> {
  /** The word in YAML. Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** One sentence for people. */
  readonly describe: string;
  /** What stands under the word: made with `Type`, or a JSON Schema. Its defaults are filled in. */
  readonly options: Options;
  readonly runs: Runs;
  /**
   * Checks options that have passed the schema against the message as it is at this step, and makes the step. Reports every fault to
   * `scope.fault`; after a fault it may return undefined.
   */
  prepare(options: Static<Options>, scope: StepScope): S | undefined;
}

/** A mediator as it is written. What its step is goes by `runs`. */
export type MediatorSketch<Options extends TSchema> =
  | (Omit<SketchOf<Options, 'pure', PureStep>, 'runs'> & { /** @default 'pure' */ readonly runs?: 'pure' })
  | SketchOf<Options, 'io', IoStep>
  | (SketchOf<Options, 'state', StatefulStep> & Pick<Mediator, 'state' | 'mixes'>);

/**
 * Makes a mediator, with the type of its options taken from their schema. Export it by name from a file in `plugins/`, or from a package.
 */
export function defineMediator<const Options extends TSchema>(sketch: MediatorSketch<Options>): Mediator {
  return Object.freeze({
    ...sketch,
    prepare(written: unknown, scope: StepScope): Step | undefined {
      const options: unknown = Value.Default(sketch.options, structuredClone(written));
      return Value.Check(sketch.options, options) ? sketch.prepare(options, scope) : undefined;
    },
  });
}

/** An error after which the same may succeed later: the delivery is tried again, as its endpoint says. */
export function retryable(message: string, cause?: unknown): WaybillError {
  return new WaybillError('WB_PLUGIN_FAILED', message, { retryable: true, cause });
}
