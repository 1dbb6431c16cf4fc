import type { Readable } from 'node:stream';
import {
  type Clock,
  type Contract,
  type Host,
  type Plan,
  parseJsonStrictly,
  type Receipt,
  serviceOn,
  systemClock,
  WaybillError,
} from '../index.ts';
import { readCsv } from './csv.ts';
import type { ExitName } from './exit-codes.ts';
import { exitOf } from './exit-codes.ts';
import {
  FORMATS,
  formatOf,
  type InputRecord,
  openInput,
  type RecordFormat,
  readJson,
  readLines,
  unreadable,
} from './records.ts';
import { type GlobalOptions, soundConfiguration, withBus } from './session.ts';
import { count, type Terminal } from './terminal.ts';

export interface PublishOptions extends GlobalOptions {
  /** The service that publishes. @default the only one that declares the type */
  readonly as?: string;
  /** @default by the file's name; standard input: jsonl */
  readonly format?: RecordFormat;
  /** Checks everything, sends nothing. */
  readonly dryRun?: boolean;
  /** Goes on behind a record that is refused. */
  readonly keepGoing?: boolean;
  /** Skips what stands before this line, as after an interruption. */
  readonly fromLine?: number;
}

/** JSON of several lines on standard input is what people try first. */
const ONE_A_LINE = 'Each line is a value of its own; for JSON of several lines add --format json.';

/** Sends in flight at a time: enough for the transport to batch, little enough to bound memory. */
const WINDOW = 1_000;

/**
 * Publishes the records of a file or of standard input, in order, as they come. At the first one that is refused it ends, unless
 * `--keep-going`; `--from-line` goes on from there.
 */
export async function publish(
  terminal: Terminal,
  type: string,
  file: string,
  options: PublishOptions,
): Promise<ExitName> {
  const format = options.format ?? formatOf(file) ?? (file === '-' ? 'jsonl' : undefined);
  if (format === undefined) {
    throw new WaybillError('WB_OPTION_INVALID', `the name ${file} does not say its format`, {
      fix: `Add --format ${FORMATS.join(' | ')}.`,
    });
  }
  const input = await openInput(file);
  const shown = file === '-' ? 'stdin' : file;
  const work = { terminal, file: shown, format, options };
  if (options.dryRun === true && options.url === undefined) {
    const { plan } = await soundConfiguration(terminal, options);
    const contract = plan.contracts.require(type);
    return transfer({
      ...work,
      clock: systemClock,
      records: read(input, shown, format, contract),
      send: check(contract, plan.definition.limits),
    });
  }
  return withBus<ExitName>(terminal, options, async (host) => {
    const contract = host.plan.contracts.require(type);
    const records = read(input, shown, format, contract);
    if (options.dryRun === true)
      return transfer({ ...work, clock: host.clock, records, send: check(contract, host.plan.definition.limits) });
    const service = publisherOf(host, type, options.as);
    await host.host();
    await using sender = serviceOn(host, service);
    return await transfer({ ...work, clock: host.clock, records, send: ({ json }) => sender.publishRaw(type, json) });
  });
}

function publisherOf(host: Host, type: string, asked: string | undefined): string {
  if (asked !== undefined) return asked;
  const declared = host.plan.definition.services
    .filter(({ publishes }) => publishes.includes(type))
    .map(({ name }) => name);
  const [only] = declared;
  if (only !== undefined && declared.length === 1) return only;
  if (only === undefined) {
    throw new WaybillError('WB_NOT_DECLARED', `no service declares that it publishes ${type}`, {
      fix: `Add it in waybill.yaml, under services: <name>: { publishes: [${type}] }`,
    });
  }
  throw new WaybillError('WB_OPTION_INVALID', `${declared.join(', ')} publish ${type}`, {
    fix: `Say which one: --as ${only}`,
  });
}

async function* read(
  input: Readable,
  file: string,
  format: RecordFormat,
  contract: Contract,
): AsyncGenerator<InputRecord> {
  try {
    if (format === 'csv') yield* readCsv(input, contract.schema, contract.ref);
    else yield* format === 'json' ? readJson(input) : readLines(input);
  } catch (error) {
    throw error instanceof WaybillError ? error : unreadable(file, error);
  }
}

/** What publishing would check, without sending. */
function check(contract: Contract, { size, depth }: Plan['definition']['limits']): Transfer['send'] {
  return async ({ json }) => {
    const bytes = Buffer.byteLength(json);
    if (bytes > size)
      throw new WaybillError('WB_MESSAGE_TOO_LARGE', `${String(bytes)} bytes; at most ${String(size)} are allowed`);
    const error = contract.validate(parseJsonStrictly(json, { maxDepth: depth }));
    if (error !== undefined) throw error;
    return Promise.resolve(undefined);
  };
}

interface Transfer {
  readonly terminal: Terminal;
  readonly file: string;
  readonly format: RecordFormat;
  readonly options: PublishOptions;
  readonly clock: Clock;
  readonly records: AsyncGenerator<InputRecord>;
  /** Resolves when it is durable; to undefined where nothing is sent. Refuses a record before it first waits. */
  readonly send: (record: InputRecord) => Promise<Receipt | undefined>;
}

interface Refusal {
  /** Undefined when the input as a whole cannot be read on. */
  readonly line: number | undefined;
  readonly code: string;
  readonly message: string;
}

async function transfer({ terminal, file, format, options, clock, records, send }: Transfer): Promise<ExitName> {
  const verb = options.dryRun === true ? 'checked' : 'published';
  const progress = terminal.progress(clock);
  const inFlight = new Set<Promise<void>>();
  const refused: Refusal[] = [];
  // Of what was in flight when the transport failed; the failure is told once.
  const unsent: number[] = [];
  let failure: { readonly code: string; readonly message: string } | undefined;
  const state: { exit: ExitName; done: number; ended: boolean; id?: string } = { exit: 'ok', done: 0, ended: false };
  const refuse = (line: number | undefined, thrown: unknown): void => {
    if (!(thrown instanceof WaybillError)) throw thrown;
    const { code, message } = thrown;
    const fix = thrown.fix ?? (format === 'jsonl' && code === 'WB_JSON_INVALID' ? ONE_A_LINE : undefined);
    const how = exitOf(code);
    if (how === 'transport' && line !== undefined) {
      unsent.push(line);
      if (failure !== undefined) return;
      failure = { code, message };
    } else refused.push({ line, code, message });
    if (how !== 'refused' || options.keepGoing !== true) state.ended = true;
    // What the transport says weighs more: it is no fault of the input.
    if (state.exit === 'ok' || state.exit === 'refused') state.exit = how;
    progress.end();
    const head = terminal.style(
      'red',
      `${[file, line].filter((part) => part !== undefined).join(':')}  ${code}`,
      'stderr',
    );
    terminal.note([head, ...message.split('\n'), ...(fix === undefined ? [] : [fix])].join('\n  '));
  };
  const tell = (line: number, { id }: Receipt): void => {
    state.id = id;
    progress.end();
    terminal.data({ line, id });
    terminal.print(id);
  };
  let last = 0;
  let taken = false;
  try {
    for await (const record of records) {
      last = record.line;
      if (record.line < (options.fromLine ?? 1)) continue;
      taken = true;
      const sending = send(record).then(
        (receipt) => {
          state.done++;
          if (receipt !== undefined) tell(record.line, receipt);
        },
        (thrown: unknown) => {
          refuse(record.line, thrown);
        },
      );
      inFlight.add(sending);
      const landed = sending.finally(() => inFlight.delete(sending));
      // A record that is refused is known by now, so that none behind it is sent.
      await Promise.race([landed, Promise.resolve()]);
      if (inFlight.size >= WINDOW) await Promise.race(inFlight);
      if (state.ended) break;
      progress.at(() => `${verb} ${count(state.done, 'message')}`);
    }
  } catch (error) {
    refuse(undefined, error);
  }
  await Promise.all(inFlight);
  progress.end();
  terminal.data({ [verb]: state.done, refused, ...(failure && { ...failure, unsent: unsent.length }) });
  const also = [
    ...(refused.length === 0 ? [] : [`, refused ${String(refused.length)}`]),
    ...(unsent.length === 0 ? [] : [`, not sent ${String(unsent.length)}`]),
  ];
  terminal.print(`${verb} ${count(state.done, 'message')}${also.join('')}`);
  if (state.id !== undefined) terminal.hint(`waybill trace ${state.id} shows what becomes of it`);
  if (options.fromLine !== undefined && !taken && state.exit === 'ok') {
    terminal.note(
      `nothing stands at line ${String(options.fromLine)} of ${file} or behind it; the last record is at line ${String(last)}`,
    );
    return 'nothing';
  }
  if (unsent.length > 0) {
    const from = String(Math.min(...unsent));
    // In flight together, so one behind the first that failed may have made it.
    terminal.note(`go on with --from-line ${from}; what was sent from there on comes twice`);
    return state.exit;
  }
  const [first] = refused;
  if (state.ended && first?.line !== undefined && verb === 'published') {
    terminal.note(
      `nothing behind line ${String(first.line)} was sent; mend it and go on with --from-line ${String(first.line)}`,
    );
  }
  return state.exit;
}
