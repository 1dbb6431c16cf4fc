import { formatFault } from '../../src/errors.ts';
import { parseJson } from '../../src/json.ts';
import type { EncodedMessage, Envelope } from '../../src/message.ts';
import { compilePlan } from '../../src/plan/compile.ts';
import type { Plan, ProgramResult, ProgramWork } from '../../src/plan/plan.ts';
import { type Clock, pause, systemClock } from '../../src/ports/clock.ts';
import { ProcessResources, type ResourceParts } from '../../src/runtime/resources.ts';
import { NoStates } from '../../src/runtime/states.ts';
import { type DefinitionSketch, definition, NUMBER, object, planOf, TEXT } from './definitions.ts';
import { type MessageSketch, message } from './messages.ts';

/** What a step did to a message: its data and envelope afterwards, that it was filtered, or the error. */
export type StepOutcome =
  | { readonly data: unknown; readonly envelope: Envelope; readonly body: Uint8Array }
  | { readonly filtered: true }
  | { readonly error: string };

const SERVICES = ['oms', 'audit'];

/** Runs steps on orders, in a real plan. */
export class StepBench {
  readonly #contracts: Readonly<Record<string, object>>;

  /** @param fields what the contract of an order declares beside `id`, `total`, `note`, `tags` and `shipTo` */
  constructor(fields: Readonly<Record<string, unknown>> = {}) {
    this.#contracts = {
      'shop.order.placed@1': object(
        {
          id: TEXT,
          total: NUMBER,
          'note?': TEXT,
          'tags?': { type: 'array', items: TEXT },
          'shipTo?': object({ country: TEXT }),
          ...fields,
        },
        { 'x-key': '/id' },
      ),
      'oms.order.create@1': object(
        { orderId: TEXT, total: { type: 'number', minimum: 0 }, 'note?': TEXT },
        { 'x-key': '/orderId' },
      ),
    };
  }

  /** A route from an order to `oms` with these steps, a YAML list. */
  sketch(steps: string, to = 'oms'): DefinitionSketch {
    const receives = Object.keys(this.#contracts);
    return {
      contracts: this.#contracts,
      facilities: { keyRings: ['patients'] },
      services: {
        shop: { publishes: ['shop.order.placed@1'] },
        ...Object.fromEntries(SERVICES.map((name) => [name, { receives }])),
      },
      routes: {
        r: `from: shop.order.placed@1\nsteps:\n${steps.trim().replaceAll(/^/gm, '  ')}\nto: ${to}`,
      },
    };
  }

  /** The faults of a route with these steps, each as `code path: message`. */
  faults(steps: string): string[] {
    const places: string[] = [];
    const { faults } = compilePlan(definition(this.sketch(steps)), {
      locate: (file, path) => {
        places.push(path.join('.'));
        return { file, line: places.length };
      },
    });
    return faults.map(({ code, message: text, at }) => `${code} ${places[(at?.line ?? 0) - 1] ?? ''}: ${text}`);
  }

  /** The faults as people read them, fixes included. */
  shownFaults(steps: string): string {
    return compilePlan(definition(this.sketch(steps)))
      .faults.map(formatFault)
      .join('\n');
  }

  /** What becomes of an order (`{ id: 'o1', total: 5 }` and `data`). */
  run(steps: string, data: object = {}, envelope: Partial<Envelope> = {}): StepOutcome {
    const outcomes = this.runAll(steps, data, envelope);
    return outcomes[0] ?? { filtered: true };
  }

  /** As `runAll`, of steps that ask outside. */
  async perform(
    steps: string,
    data: object = {},
    {
      envelope = {},
      resources = {},
      body,
    }: { envelope?: Partial<Envelope>; resources?: ResourceParts; body?: string } = {},
  ): Promise<readonly StepOutcome[]> {
    const result = await this.plan(steps)
      .program('route.r')
      ?.perform(
        orderOf(data, { ...envelope, ...(body !== undefined && { body: Buffer.from(body) }) }),
        workWith(resources),
      );
    return outcomesOf(result);
  }

  plan(steps: string): Plan {
    return planOf(this.sketch(steps));
  }

  /** All that becomes of it, in order. */
  runAll(steps: string, data: object = {}, envelope: Partial<Envelope> = {}): readonly StepOutcome[] {
    return outcomesOf(this.plan(steps).program('router')?.run(orderOf(data, envelope)));
  }
}

function outcomesOf(result: ProgramResult | undefined): readonly StepOutcome[] {
  if (result === undefined) throw new Error('the route does not run there');
  const [death] = result.deaths;
  if (death !== undefined) return [{ error: `${death.code} ${death.error}` }];
  return result.sends.map(({ message: { body, envelope } }) => ({ data: parseJson(body), envelope, body }));
}

/** One attempt of a process that has these things. */
function workWith(parts: ResourceParts, clock: Clock = systemClock): ProgramWork {
  const { signal } = new AbortController();
  return {
    signal,
    attempt: 1,
    resources: new ProcessResources(parts),
    states: new NoStates().begin(),
    graceMs: 0,
    now: () => clock.now(),
    pause: (ms) => pause(clock, ms, signal),
  };
}

function orderOf(data: object = {}, envelope: MessageSketch = {}): EncodedMessage {
  return message({
    id: 'in-1',
    source: '/shop',
    type: 'shop.order.placed',
    key: 'k',
    data: { id: 'o1', total: 5, ...data },
    ...envelope,
  });
}

const PLAIN = new StepBench();

export function faultsOfSteps(steps: string): string[] {
  return PLAIN.faults(steps);
}

export function runSteps(steps: string, data: object = {}, envelope: Partial<Envelope> = {}): StepOutcome {
  return PLAIN.run(steps, data, envelope);
}
