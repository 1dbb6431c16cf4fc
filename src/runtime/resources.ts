import { WaybillError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import type { Answer, KeyRing, Question, Resources, ServiceQuestion, Source } from '../ports/resources.ts';

export interface ResourceParts {
  /** By name. */
  readonly keyRings?: ReadonlyMap<string, KeyRing>;
  /** Opens a source when it is first asked; undefined when there is none of the name. */
  readonly source?: (name: string) => Promise<Source> | undefined;
}

/** What a process was given for steps that look outside. */
export class ProcessResources implements Resources {
  readonly #parts: ResourceParts;
  readonly #sources = new Map<string, Promise<Source>>();
  readonly #opened = new Map<string, Source>();
  #closed: Promise<void> | undefined;

  constructor(parts: ResourceParts = {}) {
    this.#parts = parts;
  }

  keys(ring: string): KeyRing {
    const rings = this.#parts.keyRings ?? new Map<string, KeyRing>();
    const found = rings.get(ring);
    if (found !== undefined) return found;
    const fix = didYouMean(ring, rings.keys()) ?? `Add it under \`keys:\` in waybill.yaml.`;
    throw missing(`there is no key ring ${ring}`, fix);
  }

  async ask(name: string, question: Question, signal: AbortSignal): Promise<Answer> {
    let source = this.#sources.get(name);
    if (source === undefined) {
      if (this.#closed !== undefined)
        throw new WaybillError('WB_CLOSED', 'the sources are closed', { retryable: true });
      source = this.#parts.source?.(name);
      if (source === undefined) {
        throw missing(`this process has no source ${name}`, 'Start it where waybill.yaml is, with its `sources:`.');
      }
      this.#sources.set(name, source);
    }
    const opened = await source;
    this.#opened.set(name, opened);
    return opened.ask(question, signal);
  }

  breakers(): ReadonlyMap<string, boolean> {
    return new Map([...this.#opened].map(([name, { open = false }]) => [name, open]));
  }

  request({ service }: ServiceQuestion): Promise<unknown> {
    return Promise.reject(missing(`nobody here asks the service ${service}`, 'Run the route by a router of the bus.'));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(async (source) => (await source).close()));
  }
}

function missing(message: string, fix: string): WaybillError {
  return new WaybillError('WB_RESOURCE_MISSING', message, { fix });
}
