import type {
  BranchDefinition,
  DestinationDefinition,
  DocumentPath,
  ErrorDestinationDefinition,
  RouteDefinition,
  StepDefinition,
} from '../config/definition.ts';
import { NOWHERE, type Problem } from './problem.ts';
import type { Route } from './route-file.ts';

type To = NonNullable<Route['to']>;
type OnError = NonNullable<Route['onError']>;

/** Where a route stands. */
export interface RoutePlace {
  readonly file: string;
  /** `[]`, or `[index]` in a list. */
  readonly path: DocumentPath;
  /** The file's name, for a route that has none of its own. */
  readonly fallbackName: string;
}

/** A route as its file says it, in the one form that everything else reads. What contradicts itself is a problem. */
export function normaliseRoute(
  written: Route,
  place: RoutePlace,
): { readonly route: RouteDefinition; readonly problems: readonly Problem[] } {
  const reader = new RouteReader(place);
  const { name = place.fallbackName, describe, enabled, isolate, from, when, choose, to, onError } = written;
  const route: RouteDefinition = {
    name,
    ...(describe === undefined ? {} : { describe }),
    enabled,
    isolate,
    ...originOf(from),
    ...(when === undefined ? {} : { when }),
    steps: written.steps.flatMap((step, i) => reader.step(step, [...place.path, 'steps', i])),
    branches: reader.branches(written),
    exclusive: choose !== undefined,
    ...(to === undefined && choose === undefined ? { byStep: true as const } : {}),
    ...(onError === undefined ? {} : { onError: reader.errorDestinations(onError, [...place.path, 'onError']) }),
    file: place.file,
    path: place.path,
  };
  return { route, problems: reader.problems };
}

function originOf(from: Route['from']): Pick<RouteDefinition, 'from' | 'schedule'> {
  if (typeof from === 'string') return { from: [from] };
  if (Array.isArray(from)) return { from };
  const { schedule: cron, as, zone = 'UTC', missed = 'once', data } = from;
  return { from: [as], schedule: { cron, zone, missed, ...(data !== undefined && { data }) } };
}

class RouteReader {
  readonly problems: Problem[] = [];
  readonly #place: RoutePlace;

  constructor(place: RoutePlace) {
    this.#place = place;
  }

  step(step: Record<string, unknown>, path: DocumentPath): StepDefinition[] {
    return Object.entries(step).map(([use, options]) => ({ use, options, path: [...path, use] }));
  }

  branches({ to, choose, steps }: Pick<Route, 'to' | 'choose' | 'steps'>): BranchDefinition[] {
    const { path } = this.#place;
    if (to !== undefined && choose !== undefined) {
      this.#refuse(
        [...path, 'choose'],
        'a route has either `to` or `choose`, not both',
        'Move `to` into a branch.',
        true,
      );
    }
    if (choose !== undefined) return choose.flatMap((branch, i) => this.#branch(branch, i, choose.length));
    if (to === undefined) {
      // Its last step may be one from which nothing goes on.
      if (steps.length === 0) this.problems.push({ ...NOWHERE, file: this.#place.file, path, key: false });
      return [];
    }
    return [{ to: this.destinations(to, [...path, 'to']), path }];
  }

  destinations(to: To, path: DocumentPath): DestinationDefinition[] {
    if (!Array.isArray(to)) return this.#destination(to, path);
    return to.flatMap((one, i) => this.#destination(one, [...path, i]));
  }

  errorDestinations(onError: OnError, path: DocumentPath): ErrorDestinationDefinition[] {
    if (!Array.isArray(onError)) return this.#errorDestination(onError, path);
    return onError.flatMap((one, i) => this.#errorDestination(one, [...path, i]));
  }

  #errorDestination(one: Exclude<OnError, readonly unknown[]>, path: DocumentPath): ErrorDestinationDefinition[] {
    if (typeof one === 'string') return this.#destination(one, path);
    const { route, ignore, ...ordinary } = one;
    if (route === undefined && ignore === undefined) return this.#destination(ordinary, path);
    const { when, service, publish } = ordinary;
    if ([route, ignore, service, publish].filter((each) => each !== undefined).length > 1) {
      this.#refuse(path, 'the destination has several targets', 'Write one of them; several destinations are a list.');
      return [];
    }
    const target = route === undefined ? ({ ignore: true } as const) : { route };
    return [{ target, ...(when === undefined ? {} : { when }), path }];
  }

  #branch(branch: NonNullable<Route['choose']>[number], index: number, count: number): BranchDefinition[] {
    const path: DocumentPath = [...this.#place.path, 'choose', index];
    const { when, to, otherwise } = branch;
    if (otherwise !== undefined) {
      if (when !== undefined || to !== undefined) {
        this.#refuse(path, '`otherwise` stands alone in its branch', 'Write `- otherwise: <destination>`.');
      } else if (index !== count - 1) {
        this.#refuse(
          [...path, 'otherwise'],
          '`otherwise` is not the last branch, so those after it are never taken',
          'Move it to the end.',
          true,
        );
      }
      return [{ to: this.destinations(otherwise, [...path, 'otherwise']), path }];
    }
    if (when === undefined || to === undefined) {
      this.#refuse(
        path,
        `the branch has no \`${when === undefined ? 'when' : 'to'}\``,
        'Write `- when: <predicate>` with `to: <destination>`; the last may be `- otherwise: <destination>`.',
      );
      return [];
    }
    return [{ when, to: this.destinations(to, [...path, 'to']), path }];
  }

  #destination(one: string | Exclude<To, string | readonly unknown[]>, path: DocumentPath): DestinationDefinition[] {
    if (typeof one === 'string') return [{ target: { service: one }, path }];
    const { service, publish, when } = one;
    const rest = { ...(when === undefined ? {} : { when }), path };
    if (service !== undefined && publish === undefined) return [{ target: { service }, ...rest }];
    if (publish !== undefined && service === undefined) return [{ target: { publish }, ...rest }];
    const what = service === undefined ? 'neither `service` nor `publish`' : 'both `service` and `publish`';
    this.#refuse(path, `the destination has ${what}`, 'Write one of them; several destinations are a list.');
    return [];
  }

  #refuse(path: DocumentPath, message: string, fix: string, key = false): void {
    this.problems.push({ code: 'WB_OPTION_INVALID', file: this.#place.file, path, key, message, fix });
  }
}
