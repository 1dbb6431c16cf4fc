import { makeTable, type Table, type TableFault } from '../contracts/table.ts';
import { toError, WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { Plan } from '../plan/plan.ts';
import { sourceOf, tableNames } from '../plan/source.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { TableReader, Tables } from '../ports/lookup.ts';

/** How this process reads a table. */
export interface TableSetting {
  readonly open: () => Promise<TableReader>;
  /** How often it is read again. @unit milliseconds */
  readonly everyMs: number;
  /** Most rows. */
  readonly rows: number;
}

export interface LiveTablesParts {
  /** By name. */
  readonly settings: ReadonlyMap<string, TableSetting>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is counted of a table: `source.<name>.loaded`, `source.<name>.refused`. */
type Count = (counter: string) => void;

interface Held {
  readonly name: string;
  readonly reader: TableReader;
  readonly everyMs: number;
  readonly most: number;
  rules: Rules;
  table: Table;
  stamp: string;
  /** Why the last reading was of no use; undefined when it was good. Told once, until another reason or a good reading comes. */
  failure: string | undefined;
  timer: Timer | undefined;
  reading: Promise<void>;
}

type Rules = Pick<Parameters<typeof makeTable>[1], 'contract' | 'key'>;

/**
 * The tables of a process that runs routes, each read again as often as it says.
 *
 * | a reading                           | the table         | told                                          | counted    |
 * |-------------------------------------|-------------------|-----------------------------------------------|------------|
 * | gives nothing new                   | stays             | -                                             | -          |
 * | gives rows that keep their contract | is the new one    | in the log, with how many                     | `loaded`   |
 * | gives anything else, or fails       | stays as it was   | in the log, once for each reason              | `refused`  |
 * | is the first one, and fails         | -                 | what needs the table does not start: `use`    | -          |
 */
export class LiveTables implements Tables {
  readonly #parts: LiveTablesParts;
  readonly #held = new Map<string, Held>();
  #count: Count = () => undefined;
  #closed = false;

  constructor(parts: LiveTablesParts) {
    this.#parts = parts;
  }

  find(name: string, key: string): unknown {
    const held = this.#held.get(name);
    if (held === undefined) throw missing(name, this.#held.keys());
    return held.table.get(key);
  }

  /** Tells of loads and refusals from here on. */
  counting(count: Count): void {
    this.#count = count;
  }

  /**
   * Loads the tables of a plan that are not there yet, or that have another contract by now. All or none are taken.
   * @throws WB_TABLE_INVALID with every fault of the first table that has some; WB_RESOURCE_MISSING, WB_SOURCE_FAILED, WB_SOURCE_REFUSED
   */
  async use({ definition: { sources }, contracts }: Plan): Promise<void> {
    const taken: (() => void)[] = [];
    for (const name of tableNames(sources)) {
      const source = sourceOf(name, sources[name]);
      if (source?.table === undefined) continue;
      const rules: Rules = { contract: contracts.require(source.response), key: source.table.key };
      const held = this.#held.get(name);
      if (held !== undefined && sameRules(held.rules, rules)) continue;
      taken.push(await (held === undefined ? this.#open(name, rules) : this.#change(held, rules)));
    }
    for (const take of taken) take();
  }

  /** Reads nothing any more. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#held.values()].map(async ({ timer, reading, reader }) => {
        timer?.cancel();
        await reader.close();
        await reading;
      }),
    );
  }

  async #open(name: string, rules: Rules): Promise<() => void> {
    const setting = this.#parts.settings.get(name);
    if (setting === undefined) throw missing(name, this.#parts.settings.keys());
    const reader = await setting.open();
    try {
      const { table, stamp } = await load(name, reader, { ...rules, rows: setting.rows });
      const { everyMs, rows: most } = setting;
      const failure = undefined;
      const held: Held = { name, reader, everyMs, most, rules, table, stamp, failure, timer: undefined, reading: DONE };
      return () => {
        this.#held.set(name, held);
        this.#loaded(held);
        this.#watch(held);
      };
    } catch (thrown) {
      await reader.close();
      throw thrown;
    }
  }

  async #change(held: Held, rules: Rules): Promise<() => void> {
    const { table, stamp } = await load(held.name, held.reader, { ...rules, rows: held.most });
    return () => {
      Object.assign(held, { rules, table, stamp });
      this.#loaded(held);
    };
  }

  #watch(held: Held): void {
    if (this.#closed) return;
    held.timer = this.#parts.clock.timer(held.everyMs, () => {
      held.reading = this.#reload(held).then(() => {
        this.#watch(held);
      });
    });
  }

  async #reload(held: Held): Promise<void> {
    const { name, reader, rules, most } = held;
    try {
      const reading = await reader.read(held.stamp);
      // Under another contract it is read anew.
      if (this.#closed || held.rules !== rules) return;
      if (reading === undefined) {
        // What is as it was when it was good is good again.
        if (held.failure !== undefined) this.#loaded(held);
        return;
      }
      held.table = tableOf(name, makeTable(reading.content, { ...rules, rows: most }));
      held.stamp = reading.stamp;
      this.#loaded(held);
    } catch (thrown) {
      if (!this.#closed) this.#refused(held, toError(thrown));
    }
  }

  #loaded(held: Held): void {
    held.failure = undefined;
    this.#parts.log.info({ table: held.name, rows: held.table.size }, 'a table was loaded');
    this.#count(`source.${held.name}.loaded`);
  }

  #refused(held: Held, error: Error): void {
    this.#count(`source.${held.name}.refused`);
    if (held.failure === error.message) return;
    held.failure = error.message;
    const said = { table: held.name, rows: held.table.size, error: error.message };
    this.#parts.log.error(said, 'a table could not be loaded again, and stays as it was');
  }
}

const DONE = Promise.resolve();

async function load(
  name: string,
  reader: TableReader,
  rules: Rules & { readonly rows: number },
): Promise<{ readonly table: Table; readonly stamp: string }> {
  const reading = await reader.read();
  if (reading === undefined) throw new TypeError(`the first reading of ${name} gave nothing`);
  return { table: tableOf(name, makeTable(reading.content, rules)), stamp: reading.stamp };
}

/** @throws WB_TABLE_INVALID */
function tableOf(name: string, made: ReturnType<typeof makeTable>): Table {
  if ('table' in made) return made.table;
  const lines = made.faults.map(({ message, fix }: TableFault) =>
    fix === undefined ? message : `${message} (${fix})`,
  );
  throw new WaybillError('WB_TABLE_INVALID', `the table ${name}: ${lines.join('\n')}`);
}

function sameRules(a: Rules, b: Rules): boolean {
  return a.key === b.key && JSON.stringify(a.contract.schema) === JSON.stringify(b.contract.schema);
}

function missing(name: string, known: Iterable<string>): WaybillError {
  return new WaybillError('WB_RESOURCE_MISSING', `this process has no table ${name}`, {
    fix: didYouMean(name, known) ?? 'Start it where waybill.yaml is, with its `sources:`.',
  });
}
