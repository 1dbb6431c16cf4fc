import type { LocatedFault } from '../errors.ts';

/** A fault that knows its place as a path in a file; whoever has the file's text makes a line and column of it. */
export interface Problem extends LocatedFault {
  /** Whether it is the key that is wrong rather than its value. */
  readonly key?: boolean;
  /** Within a text. @unit UTF-16 code units */
  readonly offset?: number;
}

/** Of a route that has neither `to` nor `choose`. */
export const NOWHERE = {
  code: 'WB_OPTION_INVALID',
  message: 'the route does not say where its messages go',
  fix: 'Add `to: <service>`, `to: { publish: <type@1> }` or `choose`.',
} as const;
