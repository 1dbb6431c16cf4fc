import path from 'node:path';
import { watch as watchFiles } from 'chokidar';
import { type Clock, systemClock, type Timer } from '../ports/clock.ts';
import { type LoadOptions, type Reading, readConfiguration } from './load.ts';
import { PLUGINS_FOLDER } from './read-plugins.ts';
import { SCRIPTS_FOLDER } from './read-scripts.ts';

export interface WatchOptions extends Omit<LoadOptions, 'path' | 'cwd'> {
  readonly clock?: Clock;
  /**
   * How long the files must be quiet before they are read.
   * @unit milliseconds
   * @range from 100: of several changes of a file within 50 ms the watcher tells only the first
   * @default 150
   */
  readonly settleMs?: number;
  /** Called when watching or reading itself fails, such as when `waybill.yaml` is gone; watching goes on. */
  readonly onError?: (error: unknown) => void;
}

export interface Watch extends AsyncDisposable {
  /** Resolves when changes are seen. */
  readonly ready: Promise<void>;
  /** Changes of files seen so far, before they are read. */
  readonly changes: number;
  /** After it resolves `onChange` is not called again. */
  close(): Promise<void>;
}

/**
 * Reads the configuration below `root` again when one of its files changes, and hands it over, faulty or sound: a faulty one is for
 * reporting only, the running one stays. A file that is still being written is faulty for a moment, so what is faulty is handed over
 * only when the files stay quiet once more.
 */
export function watchConfiguration(
  root: string,
  onChange: (reading: Reading) => void,
  options: WatchOptions = {},
): Watch {
  return new ConfigurationWatch(root, onChange, options);
}

class ConfigurationWatch implements Watch {
  readonly ready: Promise<void>;
  readonly #files: ReturnType<typeof watchFiles>;
  readonly #root: string;
  readonly #onChange: (reading: Reading) => void;
  readonly #options: WatchOptions;
  readonly #clock: Clock;
  /** Counts changes, so that a reading knows whether it is the newest. */
  #edition = 0;
  #timer: Timer | undefined;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(root: string, onChange: (reading: Reading) => void, options: WatchOptions) {
    this.#root = root;
    this.#onChange = onChange;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#files = watchFiles(root, {
      ignoreInitial: true,
      ignored: (file) => !concerns(path.relative(root, file)),
    });
    this.#files.on('all', () => {
      this.#changed();
    });
    this.#files.on('error', (error) => {
      this.#options.onError?.(error);
    });
    this.ready = new Promise((resolve) => {
      this.#files.once('ready', resolve);
    });
  }

  get changes(): number {
    return this.#edition;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#files.close();
    await this.#reading;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #changed(): void {
    if (this.#closed) return;
    const edition = ++this.#edition;
    this.#afterQuiet(() => {
      // One reading at a time; the next begins when this one ends.
      this.#reading = this.#reading.then(() => this.#read(edition));
    });
  }

  #afterQuiet(act: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.timer(this.#options.settleMs ?? 150, act);
  }

  async #read(edition: number): Promise<void> {
    const { env, environment } = this.#options;
    const given = { ...(env === undefined ? {} : { env }), ...(environment === undefined ? {} : { environment }) };
    try {
      const reading = await readConfiguration({ path: this.#root, ...given });
      if (this.#closed || edition !== this.#edition) return;
      if (reading.faults.length === 0) this.#onChange(reading);
      else
        this.#afterQuiet(() => {
          if (!this.#closed && edition === this.#edition) this.#onChange(reading);
        });
    } catch (error) {
      this.#options.onError?.(error);
    }
  }
}

const FOLDERS: readonly string[] = ['routes', 'schemas', 'parts', PLUGINS_FOLDER, SCRIPTS_FOLDER];

/** Whether a path relative to the root is of the configuration: `waybill*.yaml`, or in one of its folders. */
function concerns(relative: string): boolean {
  if (relative === '') return true;
  const [first = '', ...rest] = relative.split(path.sep);
  if (FOLDERS.includes(first)) return !rest.some((part) => part.startsWith('.'));
  return rest.length === 0 && /^waybill(\.[a-z0-9-]+)?\.yaml$/.test(first);
}
