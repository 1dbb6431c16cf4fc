import {
  type DeadLetter,
  didYouMean,
  ERROR_CODES,
  type ErrorCode,
  type Host,
  type Office,
  type OfficeFilter,
  showJson,
  typeRef,
  WaybillError,
} from '../index.ts';
import { CANARY_PATIENCE, tryCanary } from './canary.ts';
import type { ExitName } from './exit-codes.ts';
import { type GlobalOptions, operator, withBus } from './session.ts';
import { shownMessage } from './show-message.ts';
import { count, type Terminal, table } from './terminal.ts';

/** Which letters; without any, all of them. */
export interface DeadOptions extends GlobalOptions {
  /** The parking lot instead: messages that no route took. */
  readonly parked?: boolean;
  readonly endpoint?: string;
  readonly route?: string;
  readonly type?: string;
  readonly code?: string;
  readonly key?: string;
  readonly messageId?: string;
  readonly limit?: number;
}

export interface DeadActionOptions extends DeadOptions {
  /** Most messages a second. */
  readonly rate?: number;
  /** Needed where no letter is named and nothing filters. */
  readonly yes?: boolean;
}

export interface RedriveOptions extends DeadActionOptions {
  /** Whether one letter goes first, and the others only when it was settled. @default true for more than one dead letter */
  readonly canary?: boolean;
}

/** Lists letters, the oldest first. */
export async function deadList(terminal: Terminal, options: DeadOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const filter = filterOf([], options);
    const rows: string[][] = [];
    let found = 0;
    for await (const letter of office(host, options).list(filter)) {
      const { endpoint, route = '', code, error, diedAt, id, message } = letter;
      const { type, version, key = '' } = message.envelope;
      found += 1;
      terminal.data(shownLetter(letter, host));
      if (!terminal.json)
        rows.push([
          id,
          diedAt,
          route === '' ? endpoint : `${endpoint} (${route})`,
          typeRef(type, version),
          key,
          code,
          brief(error),
        ]);
    }
    if (found === 0) checkNames(host, options);
    if (rows.length > 0) terminal.print(table(['id', 'since', 'endpoint', 'type', 'key', 'code', 'error'], rows));
    if (!terminal.json)
      terminal.note(`${count(rows.length, noun(options))} of ${String(await office(host, options).count())}`);
    return 'ok';
  });
}

/** The whole story of one letter. */
export async function deadShow(terminal: Terminal, id: string, options: DeadOptions): Promise<ExitName> {
  return withBus<ExitName>(terminal, options, async (host) => {
    const letter = await office(host, options).get(id);
    if (letter === undefined) return nothing(terminal, `there is no ${noun(options)} ${id}`);
    terminal.data(shownLetter(letter, host));
    const { endpoint, route, diedAt, code, error, attempts, message } = letter;
    const { data, ...attributes } = shownMessage(message, host.plan.contracts);
    terminal.print(`${terminal.style('bold', id)}  ${diedAt}`);
    terminal.print(`given up at ${endpoint}${route === undefined ? '' : `, by the route ${route}`}`);
    terminal.print(terminal.style('red', `${code}  ${error}`));
    for (const attempt of attempts) terminal.print(`  attempt ${attempt.at}  ${attempt.code}  ${attempt.error}`);
    terminal.print(`message ${showJson(attributes, 2)}`);
    terminal.print(`data ${showJson(data, 2)}`);
    return 'ok';
  });
}

/** Sends letters to where they died, or parked messages onto the bus. */
export async function deadRedrive(
  terminal: Terminal,
  ids: readonly string[],
  options: RedriveOptions,
): Promise<ExitName> {
  return act(terminal, ids, options, 'redrive');
}

/** Removes letters for good. */
export async function deadDiscard(
  terminal: Terminal,
  ids: readonly string[],
  options: DeadActionOptions,
): Promise<ExitName> {
  return act(terminal, ids, options, 'discard');
}

async function act(
  terminal: Terminal,
  ids: readonly string[],
  options: RedriveOptions,
  action: 'redrive' | 'discard',
): Promise<ExitName> {
  const filter = filterOf(ids, options);
  if (Object.keys(filter).length === 0 && options.yes !== true) {
    throw new WaybillError('WB_OPTION_INVALID', `\`dead ${action}\` without an id or a filter takes all of them`, {
      fix: 'Add --yes if that is meant, or name ids, --endpoint, --route, --type, --code, --key, --message-id or --limit.',
    });
  }
  const past = action === 'redrive' ? 'redriven' : 'discarded';
  return withBus<ExitName>(terminal, options, async (host) => {
    const by = { by: operator(), ...(options.rate === undefined ? {} : { rate: options.rate }) };
    let first = 0;
    if (action === 'redrive' && options.parked !== true && options.canary !== false) {
      const canary = await canaryOf(office(host, options), filter);
      if (canary !== undefined) {
        const tried = await tryCanary(host, office(host, options), canary, by);
        if (tried.outcome !== 'settled') {
          terminal.data({ redriven: 1, canary: tried });
          terminal.print(
            tried.outcome === 'died'
              ? `stopped: the first letter, ${canary.id}, died again at ${canary.endpoint}: ${tried.again.code}  ${brief(tried.again.error)}`
              : `stopped: the first letter, ${canary.id}, was not settled by ${canary.endpoint} within ${String(CANARY_PATIENCE / 1_000)} s: ${tried.why}`,
          );
          terminal.note('the others wait as before; --no-canary redrives them all the same');
          return 'stopped';
        }
        first = 1;
      }
    }
    const progress = terminal.progress(host.clock);
    const rest = first === 1 && filter.limit !== undefined ? { ...filter, limit: filter.limit - first } : filter;
    const others = await office(host, options)[action](rest, {
      ...by,
      onProgress: (so) => {
        progress.at(() => `${past} ${count(first + so, noun(options))}`);
      },
    });
    const done = first + others;
    progress.end();
    terminal.data({ [past]: done });
    if (done === 0) {
      checkNames(host, options);
      return nothing(terminal, `no ${noun(options)} matched`);
    }
    terminal.print(`${past} ${count(done, noun(options))}`);
    return 'ok';
  });
}

/** The oldest of the letters; undefined where there are fewer than two, so that none is spared by it. */
async function canaryOf(letters: Office, filter: OfficeFilter): Promise<DeadLetter | undefined> {
  const limit = Math.min(2, filter.limit ?? 2);
  const some: DeadLetter[] = [];
  for await (const letter of letters.list({ ...filter, limit })) some.push(letter);
  return some.length < 2 ? undefined : some[0];
}

/** @throws WB_OPTION_INVALID for an endpoint or a type that the bus does not have. Asked only where nothing matched: letters outlive both */
function checkNames(host: Host, { endpoint, type }: DeadOptions): void {
  const { topology, contracts } = host.plan;
  const endpoints = ['bus', ...topology.endpoints.map(({ name }) => name)];
  if (endpoint !== undefined && !endpoints.includes(endpoint)) throw unknownName('endpoint', endpoint, endpoints);
  const types = contracts.all.map(({ ref }) => ref);
  if (type !== undefined && !types.includes(type)) throw unknownName('type', type, types);
}

function unknownName(what: string, name: string, known: readonly string[]): WaybillError {
  const fix = didYouMean(name, known);
  return new WaybillError(
    'WB_OPTION_INVALID',
    `${name} is not ${what === 'endpoint' ? 'an' : 'a'} ${what} of the bus`,
    fix === undefined ? {} : { fix },
  );
}

function office(host: Host, { parked }: DeadOptions): Office {
  return parked === true ? host.parked : host.dead;
}

function noun({ parked }: DeadOptions): string {
  return parked === true ? 'parked message' : 'dead letter';
}

function nothing(terminal: Terminal, message: string): ExitName {
  terminal.note(message);
  return 'nothing';
}

function filterOf(ids: readonly string[], options: DeadOptions): OfficeFilter {
  const { endpoint, route, type, code, key, messageId, limit } = options;
  return {
    ...(ids.length === 0 ? {} : { ids }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(route === undefined ? {} : { route }),
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code: errorCode(code) }),
    ...(key === undefined ? {} : { key }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(limit === undefined ? {} : { limit }),
  };
}

function errorCode(code: string): ErrorCode {
  if (isErrorCode(code)) return code;
  const fix = didYouMean(code, Object.keys(ERROR_CODES));
  throw new WaybillError('WB_OPTION_INVALID', `${code} is not a code of Waybill`, fix === undefined ? {} : { fix });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

function shownLetter({ message, ...letter }: DeadLetter, host: Host): Readonly<Record<string, unknown>> {
  return { ...letter, message: shownMessage(message, host.plan.contracts) };
}

function brief(error: string): string {
  const [line = ''] = error.split('\n');
  return line.length <= 80 ? line : `${line.slice(0, 77)}...`;
}
