import { styleText } from 'node:util';
import { showJson } from '../index.ts';

/** What is asked of `process.stdout` and `process.stderr`. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  hasColors?(): boolean;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

export interface TerminalOptions {
  /** Machine output: JSON on standard output and nothing else there. */
  readonly json: boolean;
  readonly stdout?: Output;
  readonly stderr?: Output;
}

type Format = Parameters<typeof styleText>[0];

/** What a command says. People read text on standard output, machines JSON; hints, warnings and progress go to standard error. */
export class Terminal {
  readonly json: boolean;
  readonly #stdout: Output;
  readonly #stderr: Output;

  constructor(options: TerminalOptions) {
    this.json = options.json;
    this.#stdout = options.stdout ?? process.stdout;
    this.#stderr = options.stderr ?? process.stderr;
    // `waybill tail | head`: the reader has enough, which is no error.
    this.#stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }

  /** For people; silent with `--json`. */
  print(text: string): void {
    if (!this.json) this.#stdout.write(`${text}\n`);
  }

  /** For machines, one line; silent without `--json`. */
  data(value: unknown): void {
    if (this.json) this.#stdout.write(`${showJson(value)}\n`);
  }

  /** What is printed whatever the form: text that is itself the result. */
  raw(text: string): void {
    this.#stdout.write(text);
  }

  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** What to do next, for who reads the result at a terminal; no script needs it. */
  hint(text: string): void {
    if (!this.json && this.#stdout.isTTY === true) this.note(text);
  }

  /** Colours only where a person looks: a terminal without `NO_COLOR`. */
  style(format: Format, text: string, of: 'stdout' | 'stderr' = 'stdout'): string {
    const stream = of === 'stdout' ? this.#stdout : this.#stderr;
    return stream.isTTY === true && stream.hasColors?.() === true
      ? styleText(format, text, { validateStream: false })
      : text;
  }

  /** Shows how far long work is: one line that changes on a terminal, else a line now and then. */
  progress(clock: { elapsed(): number }): Progress {
    return new Progress(this.#stderr, clock);
  }
}

/** Between two lines. @unit milliseconds */
const ON_TERMINAL = 200;
const ELSEWHERE = 5_000;

export class Progress {
  readonly #stream: Output;
  readonly #clock: { elapsed(): number };
  #shown: number;
  #open = false;

  constructor(stream: Output, clock: { elapsed(): number }) {
    this.#stream = stream;
    this.#clock = clock;
    this.#shown = clock.elapsed();
  }

  /** @param text made only when it is time to show it */
  at(text: () => string): void {
    const now = this.#clock.elapsed();
    const terminal = this.#stream.isTTY === true;
    if (now - this.#shown < (terminal ? ON_TERMINAL : ELSEWHERE)) return;
    this.#shown = now;
    this.#stream.write(terminal ? `\r\u001b[K${text()}` : `${text()}\n`);
    this.#open = terminal;
  }

  /** Takes the changing line away. */
  end(): void {
    if (this.#open) this.#stream.write('\r\u001b[K');
    this.#open = false;
  }
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, column) =>
        typeof cell === 'number' ? String(cell).padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const numeric = head.map((title, column) =>
    typeof rows[0]?.[column] === 'number' ? title.padStart(widths[column] ?? 0) : title,
  );
  return [line(numeric), ...rows.map(line)].join('\n');
}

/** `1 message`, `2 messages`, `12,000 messages`. */
export function count(amount: number, noun: string): string {
  // `toLocaleString` loads the formats of numbers, which takes longer than the rest of most commands.
  const shown = amount < 1_000 ? String(amount) : amount.toLocaleString('en');
  return `${shown} ${noun}${amount === 1 ? '' : 's'}`;
}
