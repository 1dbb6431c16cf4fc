import { toError } from '../errors.ts';
import { requirePlugins } from '../plan/lacking.ts';
import type { Plan } from '../plan/plan.ts';
import type { Log } from '../ports/log.ts';
import type { EndpointSpec, Manifest } from '../ports/topology.ts';
import type { RetiredEndpoint, Transport } from '../ports/transport.ts';

/** An endpoint is left when it was found empty so often in a row. */
const LOOKS = 3;

/**
 * Endpoints of routes that the plan has no more and at which messages still wait. They are handled under the plan that had the
 * route: what was accepted under it is owed its results.
 */
export class RetiredRoutes {
  readonly #transport: Transport;
  readonly #planOf: (manifest: Manifest) => Promise<Plan>;
  readonly #log: Log;
  /** By edition; undefined where this Waybill cannot compile it. */
  readonly #plans = new Map<string, Plan | undefined>();
  readonly #attended = new Map<string, { readonly plan: Plan; empty: number }>();

  constructor(transport: Transport, planOf: (manifest: Manifest) => Promise<Plan>, log: Log) {
    this.#transport = transport;
    this.#planOf = planOf;
    this.#log = log;
  }

  /** Under which plan an endpoint is drained; undefined when it is not. */
  planOf(endpoint: string): Plan | undefined {
    return this.#attended.get(endpoint)?.plan;
  }

  /** Looks again: resolves to those that are to be attended now, and whether to look once more later. */
  async look(): Promise<{ readonly attend: readonly EndpointSpec[]; readonly more: boolean }> {
    let found: readonly RetiredEndpoint[];
    try {
      found = (await this.#transport.retired()).filter(({ spec }) => spec.kind !== 'service');
    } catch (error) {
      // What the plan has is not to suffer from it.
      this.#log.warn(
        { error: toError(error).message },
        'endpoints of removed routes cannot be looked at for the moment',
      );
      return { attend: [], more: true };
    }
    const wanted: EndpointSpec[] = [];
    for (const each of found) if (await this.#wants(each)) wanted.push(each.spec);
    for (const name of this.#attended.keys())
      if (!wanted.some((spec) => spec.name === name)) this.#attended.delete(name);
    if (found.length === 0) this.#plans.clear();
    return { attend: wanted, more: found.length > 0 };
  }

  async #wants({ spec, manifest, waiting }: RetiredEndpoint): Promise<boolean> {
    const attended = this.#attended.get(spec.name);
    if (attended !== undefined) {
      attended.empty = waiting > 0 ? 0 : attended.empty + 1;
      return attended.empty < LOOKS;
    }
    if (waiting === 0 || manifest === undefined) return false;
    const plan = await this.#compile(manifest);
    if (plan === undefined) return false;
    this.#attended.set(spec.name, { plan, empty: 0 });
    this.#log.info({ endpoint: spec.name, edition: manifest.edition }, 'a removed route ends what waits for it');
    return true;
  }

  async #compile(manifest: Manifest): Promise<Plan | undefined> {
    const { edition } = manifest;
    if (this.#plans.has(edition)) return this.#plans.get(edition);
    const runnable = async (): Promise<Plan> => {
      const compiled = await this.#planOf(manifest);
      requirePlugins(compiled);
      return compiled;
    };
    const plan = await runnable().catch((error: unknown) => {
      this.#log.error(
        { edition, error: toError(error).message },
        'a removed route cannot be run any more; its messages stay where they are',
      );
      return undefined;
    });
    this.#plans.set(edition, plan);
    return plan;
  }
}
