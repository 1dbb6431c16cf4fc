import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { toError, WaybillError } from '../errors.ts';
import type { Mediator, RouteMessage, StepScope, StepWork } from '../ports/mediator.ts';
import { withAnswer } from './answered.ts';
import { type AskedService, askedService, askingService, askService, WAIT } from './asked-service.ts';
import { checkVariableName } from './variable-name.ts';

const Asked = Type.Object(
  {
    ...askingService,
    as: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Its answer is `vars.<as>` from here on. It may be absent, unless all are needed.',
      }),
    ),
  },
  { additionalProperties: false, description: 'A service to ask.' },
);

const ScatterGatherOptions = Type.Object(
  {
    ask: Type.Array(Asked, { minItems: 1, maxItems: 50, description: 'The services to ask, all at once.' }),
    need: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 50,
        description:
          'How many have to answer. With less the step fails, `WB_GATHER_INCOMPLETE`, which is tried again as long as those that are missing may still answer. Without it all of them.',
      }),
    ),
    wait: Type.Optional(
      Type.Union([Type.Literal('all'), Type.Literal('enough')], {
        default: 'all',
        'x-expected': 'all or enough',
        description:
          'Waits until all have answered, or failed, or the time is over; or only until `need` have answered.',
      }),
    ),
    timeout: Type.Optional(WAIT.schema),
    as: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'The answers that came are the list `vars.<as>`, in the order of `ask`. All of them have to be of one type then.',
      }),
    ),
  },
  { additionalProperties: false },
);

interface Rules {
  readonly asked: readonly (AskedService & { readonly as: string | undefined })[];
  readonly need: number;
  readonly wait: 'all' | 'enough';
  readonly timeoutMs: number;
  readonly as: string | undefined;
}

/** What one of them said. */
type Said = { readonly data: unknown } | { readonly error: Error };

/** `scatter-gather: { ask: [{ service: east, type: stock.check@1 }, { service: west, type: stock.check@1 }], need: 1, as: offers }` */
export const scatterGather: Mediator = {
  name: 'scatter-gather',
  describe:
    'Asks several services of the bus at once, and goes on with the answers that came in time. They are asked again after a failure or a crash, under the same ids.',
  options: ScatterGatherOptions,
  runs: 'io',
  prepare(options, scope) {
    if (!Value.Check(ScatterGatherOptions, options)) return undefined;
    const rules = rulesOf(options, scope);
    if (rules === undefined) return undefined;
    return { perform: async (message, work) => gathered(message, await gather(message, work, rules), rules) };
  },
};

function rulesOf(options: Static<typeof ScatterGatherOptions>, scope: StepScope): Rules | undefined {
  const { ask, need = ask.length, wait = 'all', as } = options;
  const asked = ask.map((each, index) => {
    const found = askedService(each, ['ask', index], scope);
    return found && { ...found, as: each.as };
  });
  const timeoutMs = WAIT.read(options.timeout, ['timeout'], scope);
  if (need > ask.length) {
    scope.fault(['need'], {
      code: 'WB_MEDIATOR_OPTION',
      message: `need: ${String(ask.length)} are asked, so ${String(need)} never answer`,
      fix: `write at most ${String(ask.length)}`,
    });
  }
  const known = asked.filter((each) => each !== undefined);
  if (known.length < ask.length || timeoutMs === undefined) return undefined;
  for (const [index, { as: name, answer }] of known.entries()) {
    if (name === undefined) continue;
    checkVariableName('scatter-gather', name, ['ask', index, 'as'], scope);
    scope.adds(name, { type: answer.ref }, need < ask.length);
  }
  if (as !== undefined) addList(as, known, need, scope);
  return { asked: known, need, wait, timeoutMs, as };
}

function addList(as: string, asked: Rules['asked'], need: number, scope: StepScope): void {
  checkVariableName('scatter-gather', as, ['as'], scope);
  const types = [...new Set(asked.map(({ answer }) => answer.ref))];
  const [type = '', ...others] = types;
  if (others.length > 0) {
    scope.fault(['as'], {
      code: 'WB_ROUTE_TYPE',
      message: `as: a list holds one type, and the answers are ${types.join(', ')}`,
      fix: 'write as: in each of those that are asked',
    });
  }
  scope.adds(as, { listOf: type, least: need });
}

/** What each of them said; undefined of those that were not waited for. @throws WB_GATHER_INCOMPLETE, and what is no failure to answer */
async function gather(message: RouteMessage, work: StepWork, rules: Rules): Promise<readonly (Said | undefined)[]> {
  const { asked, need, wait, timeoutMs } = rules;
  const said: (Said | undefined)[] = asked.map(() => undefined);
  let answers = 0;
  await new Promise<void>((resolve) => {
    let open = asked.length;
    for (const [index, each] of asked.entries()) {
      // Which of them it is belongs to the name: one service may be asked twice.
      hear(askService(each, message, work, { timeoutMs, name: String(index) })).then((heard) => {
        said[index] = heard;
        open -= 1;
        if ('data' in heard) answers += 1;
        if (open === 0 || (wait === 'enough' && answers >= need)) resolve();
      }, resolve);
    }
  });
  const failed = said.flatMap((each) => (each !== undefined && 'error' in each ? [each.error] : []));
  const strange = failed.find((error) => !isNoAnswer(error));
  if (strange !== undefined) throw strange;
  if (answers < need) throw incomplete(said, answers, rules);
  return said;
}

async function hear(asking: Promise<unknown>): Promise<Said> {
  try {
    return { data: await asking };
  } catch (thrown) {
    return { error: toError(thrown) };
  }
}

/** The others are faults of the route or of the message, or the end of the attempt. */
function isNoAnswer(error: Error): error is WaybillError {
  return error instanceof WaybillError && (error.code === 'WB_REQUEST_FAILED' || error.code === 'WB_REQUEST_TIMEOUT');
}

function incomplete(said: readonly (Said | undefined)[], answers: number, { asked, need }: Rules): WaybillError {
  const missing = said.flatMap((each, index) => {
    return each !== undefined && 'error' in each ? [{ service: asked[index]?.service ?? '', error: each.error }] : [];
  });
  const mayStill = missing.filter(({ error }) => error instanceof WaybillError && error.retryable).length;
  const why = missing.map(({ service, error }) => `${service}: ${error.message}`).join('; ');
  return new WaybillError(
    'WB_GATHER_INCOMPLETE',
    `${String(answers)} of ${String(asked.length)} answered, and ${String(need)} have to: ${why}`,
    {
      retryable: answers + mayStill >= need,
      fix: 'See to the services that are missing and redrive, or write less under need.',
    },
  );
}

function gathered(message: RouteMessage, said: readonly (Said | undefined)[], { asked, as }: Rules): RouteMessage {
  let made = message;
  const list: unknown[] = [];
  for (const [index, each] of said.entries()) {
    const data = each !== undefined && 'data' in each ? each.data : undefined;
    if (data !== undefined) list.push(data);
    const name = asked[index]?.as;
    if (name !== undefined) made = withAnswer(made, name, data);
  }
  return as === undefined ? made : withAnswer(made, as, list);
}
