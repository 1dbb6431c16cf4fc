import { Cron } from 'croner';
import type { Definition, RouteDefinition, ScheduleDefinition } from '../config/definition.ts';
import type { Contract, Contracts } from '../contracts/contracts.ts';
import { toError } from '../errors.ts';
import type { EvaluationInput } from '../expressions/functions/declare.ts';
import { compileMapping } from '../expressions/mapping.ts';
import { encodeJson } from '../json.ts';
import { derivedId, type EncodedMessage, type Envelope } from '../message.ts';
import type { Tables } from '../ports/lookup.ts';
import { routeEndpoint } from './endpoint-name.ts';
import type { FaultSink } from './faults.ts';
import { lookupsOf } from './lookups.ts';

/** The times at which a route begins by itself, and the message that each brings. */
export interface Schedule {
  readonly route: string;
  /** Of the route, where its messages are taken. */
  readonly endpoint: string;
  readonly cron: string;
  /** IANA. */
  readonly zone: string;
  readonly missed: ScheduleDefinition['missed'];
  /** The first tick after a time; undefined when there is none any more. @unit milliseconds since the Unix epoch */
  nextAfter(ms: number): number | undefined;
  /** The last ticks up to a time, that time included, the earliest first. @unit milliseconds since the Unix epoch */
  upTo(ms: number, most: number): readonly number[];
  /**
   * The same for one tick, whoever makes it.
   * @throws WB_CONTRACT_VIOLATED, WB_EXPRESSION_FAILED, WB_EXPRESSION_ABSENT, WB_RESOURCE_MISSING
   */
  message(tickMs: number, tables?: Tables): EncodedMessage;
}

export interface ScheduleContext {
  readonly bus: string;
  readonly contracts: Contracts;
  readonly sources: Definition['sources'];
  readonly faults: FaultSink;
  readonly file: string;
}

/** The schedule of a route that has one; undefined after a fault. */
export function compileSchedule(
  route: RouteDefinition,
  contract: Contract,
  context: ScheduleContext,
): Schedule | undefined {
  const { schedule, name } = route;
  if (schedule === undefined) return undefined;
  const times = timesOf(schedule, route, context);
  const dataOf = compileData(schedule, contract, route, context);
  if (times === undefined || dataOf === undefined) return undefined;
  const { cron, zone, missed } = schedule;
  return {
    route: name,
    endpoint: routeEndpoint(name),
    cron,
    zone,
    missed,
    nextAfter: (ms) => times.nextRun(new Date(ms))?.getTime(),
    upTo: (ms, most) =>
      times
        .previousRuns(most, new Date(ms + 1))
        .map((at) => at.getTime())
        .reverse(),
    message(tickMs, tables) {
      const tick = tickOf(tickMs, context.bus, name, contract);
      const data = dataOf({ data: {}, envelope: tick, vars: {}, tables });
      const violated = contract.validate(data);
      if (violated !== undefined) throw violated;
      // Without a key of their own the ticks of a route stay in order all the same.
      return { envelope: { ...tick, key: contract.key(data) ?? name }, body: encodeJson(data) };
    },
  };
}

/** A tick of one route has one id for ever, so that what follows from it has, too. */
function tickOf(tickMs: number, bus: string, route: string, { type, version }: Contract): Envelope {
  const time = new Date(tickMs).toISOString();
  const tick: Envelope = { id: time, source: `/${bus}/${route}`, type, version, time };
  return { ...tick, id: derivedId(tick, 'schedule', 0) };
}

function timesOf(
  { cron, zone }: ScheduleDefinition,
  { path }: RouteDefinition,
  { faults, file }: ScheduleContext,
): Cron | undefined {
  const refuse = (option: string, message: string, fix: string): void => {
    faults.add({ code: 'WB_OPTION_INVALID', message, fix, file, path: [...path, 'from', option] });
  };
  if (!isZone(zone)) {
    refuse('zone', `there is no time zone ${zone}`, 'Write it as Europe/Berlin or UTC.');
    return undefined;
  }
  try {
    const times = new Cron(cron, { timezone: zone, paused: true, mode: '5-or-6-parts' });
    if (times.nextRun(new Date(0)) !== null) return times;
    refuse('schedule', `${cron} never comes`, 'Write a day that there is.');
  } catch (thrown) {
    const told = toError(thrown).message.replace(/^CronPattern: /, '');
    const form =
      'Write minute, hour, day of month, month and day of week: 0 6 * * 1-5, perhaps with seconds before them.';
    refuse('schedule', `${cron} is no schedule: ${told}`, form);
  }
  return undefined;
}

function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch (thrown) {
    if (thrown instanceof RangeError) return false;
    throw thrown;
  }
}

function compileData(
  { data = {} }: ScheduleDefinition,
  contract: Contract,
  { path }: RouteDefinition,
  { contracts, sources, faults, file }: ScheduleContext,
): ((input: EvaluationInput) => unknown) | undefined {
  const lookups = lookupsOf(sources, contracts);
  const nothing = { kind: 'object', fields: new Map(), rest: 'closed' } as const;
  const env = { data: nothing, dataName: 'a schedule, which has no data', ...(lookups !== undefined && { lookups }) };
  const { expression, faults: found } = compileMapping(data, env, contract.schema, contract.ref);
  for (const { start, code, message, fix, path: inside } of found) {
    const at = [...path, 'from', 'data', ...inside];
    faults.add({ code, message, file, path: at, ...(fix !== undefined && { fix }) }, { offset: start });
  }
  if (expression === undefined || found.length > 0) return undefined;
  return (input) => expression.evaluate(input);
}
