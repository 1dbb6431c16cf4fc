import { Type } from 'typebox';
import type { CompiledExpression, Path, RouteMessage, StepAsked, StepScope, StepWork } from '../ports/mediator.ts';
import { duration } from './amount.ts';

const TIMEOUT = duration({
  least: '10ms',
  // An attempt of a route may take a minute.
  most: '50s',
  default: '10s',
  description: 'How long to wait for the answer. Then the same is asked again, as after any failure that may heal.',
});

/** What steps that ask a service have in their options. */
export const askingService = {
  service: Type.String({ minLength: 1, description: 'The service to ask, which has the SDK and responds.' }),
  type: Type.String({
    minLength: 1,
    description: 'The request, with its version. Its contract names the answer (`x-reply`).',
  }),
  set: Type.Optional(
    Type.Unknown({
      description:
        'A mapping to the request, as in `map`. Without it the data is sent as it is, which then has to be of that type.',
    }),
  ),
};

/** A `timeout` among the options of a step that asks. */
export const WAIT = TIMEOUT;

export interface AskingService {
  readonly service: string;
  readonly type: string;
  readonly set?: unknown;
}

/** A service as a step asks it. */
export interface AskedService extends StepAsked {
  readonly service: string;
  /** What a message is made to; undefined: the data as it is. */
  readonly set: CompiledExpression | undefined;
}

/** The service, the request and its answer; undefined after a fault. */
export function askedService(options: AskingService, at: Path, scope: StepScope): AskedService | undefined {
  const { service, type, set } = options;
  const asked = scope.asks(service, type, [...at, 'type']);
  if (asked === undefined) return undefined;
  if (set !== undefined) {
    const mapping = scope.mapping(set, [...at, 'set'], type);
    return mapping && { ...asked, service, set: mapping };
  }
  if (scope.type === type) return { ...asked, service, set: undefined };
  scope.fault([...at, 'type'], {
    code: 'WB_ROUTE_TYPE',
    message: `${service} is asked by ${type}, and the data is ${scope.type} here`,
    fix: 'add set: with a mapping to it',
  });
  return undefined;
}

export interface Waiting {
  /** @unit milliseconds */
  readonly timeoutMs: number;
  /** See `StepQuestion`. */
  readonly name?: string;
}

/** Resolves to the data of the answer. @throws as `StepWork.request`, and as mappings do */
export async function askService(
  { exit, set }: AskedService,
  message: RouteMessage,
  work: Pick<StepWork, 'request'>,
  waiting: Waiting,
): Promise<unknown> {
  const data = set === undefined ? message.data : set.evaluate(message);
  return work.request({ exit, data, ...waiting });
}
