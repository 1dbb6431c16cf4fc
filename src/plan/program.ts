import type { Span } from '../ports/tracing.ts';
import type { Outgoing } from '../ports/transport.ts';
import { isPure } from './chain.ts';
import { attempt, conclude, endOf, onlyDeaths } from './end.ts';
import { runEntry } from './entry.ts';
import type { CompiledRoute } from './flow.ts';
import { Performance } from './performance.ts';
import type { Program } from './plan.ts';
import { type Match, routesOf, Taking, type TakingOptions } from './taking.ts';
import { tracked } from './tracked.ts';

/** The program that runs these routes, which all take their messages at one endpoint. */
export function makeProgram(routes: readonly CompiledRoute[], options: TakingOptions): Program {
  const taking = new Taking(routes, options);
  const pure = routes.every(({ takes }) => takes.every(({ flow }) => flow.steps.every(isPure)));
  return {
    pure,
    run(message, only, tracing) {
      const taken = taking.take(message, only);
      if (!('transit' in taken)) return taken;
      const { transit, matches, counts } = taken;
      if (matches.length === 0) tracing?.filtered(routesOf(taken), message);
      return conclude(
        matches.map((match) => {
          const { entry } = match;
          const span = tracing?.route(entry.route, message);
          const made = attempt(() => runMatch(match, span), entry.route);
          const end = endOf(entry, transit, made);
          return span === undefined || tracing === undefined ? end : tracked(end, message, span, tracing);
        }),
        counts,
      );
    },
    perform: (message, work) => new Performance(taking, work).perform(message),
    giveUp(message, death) {
      const { entry, transit } = taking.failing(message);
      if (entry === undefined) return onlyDeaths([death]);
      return conclude([endOf(entry, transit, { death: { ...death, route: entry.route } })], []);
    },
  };
}

function runMatch({ entry, message, thrown }: Match, span: Span | undefined): readonly Outgoing[] {
  if (message === undefined) throw thrown;
  return runEntry(entry, message, span);
}
