import type { Socket } from 'node:net';
import { toError } from '../../errors.ts';
import type { EncodedMessage } from '../../message.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { ApplyOptions, Outgoing, Tap } from '../../ports/transport.ts';
import type { Engine } from './engine.ts';
import { broken, type Frame, readFrames, writeFrame } from './frames.ts';
import { Outlets } from './outlets.ts';
import { manifestOf, pauseOf } from './records.ts';
import { filterOf, isRecord, numberIn, stringIn, stringsOf, tallyOf } from './shapes.ts';
import { outgoingOf, PROTOCOL, toWire, type WireError } from './wire.ts';
import { blobsOf, causeOf, loadedToWire, refsOf } from './wire-units.ts';

/** A tap of a process that does not keep up misses messages rather than fill the owner's memory. @unit bytes */
const TAP_LIMIT = 16 * 1024 * 1024;
/** How long an attached process may take to hang up once it was told good-bye: a stopped one never does. @unit milliseconds */
const FAREWELL_MS = 2_000;

type Header = Readonly<Record<string, unknown>>;

/** One attached process, as the owner sees it. */
export class Session {
  readonly #socket: Socket;
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #onEnd: () => void;
  readonly #outlets: Outlets;
  readonly #taps = new Map<number, Tap>();
  readonly #answers = new Map<string, Tap>();
  #acks: number[] = [];
  #faults: [id: number, error: WireError][] = [];
  #greeted = false;
  #orderly = false;
  #quiet = false;

  constructor(socket: Socket, engine: Engine, log: Log, onEnd: () => void) {
    this.#socket = socket;
    this.#engine = engine;
    this.#log = log;
    this.#onEnd = onEnd;
    this.#outlets = new Outlets(socket, engine);
    readFrames(
      socket,
      (frame) => {
        if (!this.#quiet) this.#take(frame);
      },
      (error) => {
        log.warn({ err: error }, `an attached process was cut off: ${error.message}`);
      },
    );
    socket.on('close', () => {
      this.#end();
    });
  }

  tell(header: object): void {
    if (this.#greeted) writeFrame(this.#socket, header);
  }

  quiet(): void {
    this.#quiet = true;
  }

  close(clock: Clock): void {
    this.#orderly = true;
    this.#flush();
    writeFrame(this.#socket, { t: 'bye' });
    this.#socket.end();
    const timer = clock.timer(FAREWELL_MS, () => this.#socket.destroy());
    this.#socket.once('close', () => {
      timer.cancel();
    });
  }

  #take({ header, packed: { messages } }: Frame): void {
    if (!this.#greeted) {
      this.#greet(header);
      return;
    }
    switch (header['t']) {
      case 'send':
        this.#send(header, outgoingOf(header['to'], messages));
        return;
      case 'settle':
        this.#settle(header, messages);
        return;
      case 'report':
        this.#outlets.report(header);
        return;
      case 'call':
        this.#call(header);
        return;
      case 'bye':
        this.#orderly = true;
        return;
      default:
        throw broken(`a request that is not known: ${JSON.stringify(header['t'])}`);
    }
  }

  #greet(header: Header): void {
    const refusal = this.#engine.refuse(numberIn(header, 'protocol') === PROTOCOL, header['bus']);
    if (refusal !== undefined) {
      writeFrame(this.#socket, { t: 'refuse', error: toWire(refusal) });
      this.#socket.end();
      return;
    }
    this.#greeted = true;
    writeFrame(this.#socket, { t: 'welcome', protocol: PROTOCOL, blocked: this.#engine.blocked ?? null });
  }

  #send(header: Header, outgoing: readonly Outgoing[]): void {
    const requests = header['reqs'];
    if (!Array.isArray(requests)) throw broken('a send without requests');
    let at = 0;
    for (const request of requests as readonly unknown[]) {
      const [id, count, tally] = Array.isArray(request) ? (request as readonly unknown[]) : [];
      if (typeof id !== 'number' || typeof count !== 'number') throw broken('a send without a number');
      const sent = outgoing.slice(at, at + count);
      at += count;
      this.#answer(id, this.#engine.send(sent, isRecord(tally) ? { tally: tallyOf(tally) } : undefined));
    }
  }

  #settle(header: Header, messages: readonly EncodedMessage[]): void {
    const { to } = header;
    // What follows the results is what units hold.
    const results = Array.isArray(to) ? to.length : 0;
    const outgoing = outgoingOf(to, messages.slice(0, results));
    this.#answer(numberIn(header, 'id'), this.#outlets.settle(header, outgoing, blobsOf(messages.slice(results))));
  }

  /** Acknowledgements of one commit go in one frame. */
  #answer(id: number, work: Promise<void>): void {
    work.then(
      () => {
        if (this.#acks.push(id) === 1) setImmediate(this.#flush);
      },
      (thrown: unknown) => {
        this.#faults.push([id, toWire(toError(thrown))]);
        setImmediate(this.#flush);
      },
    );
  }

  readonly #flush = (): void => {
    if (this.#acks.length === 0 && this.#faults.length === 0) return;
    writeFrame(this.#socket, { t: 'ack', ok: this.#acks, bad: this.#faults });
    this.#acks = [];
    this.#faults = [];
  };

  #call(header: Header): void {
    const id = numberIn(header, 'id');
    this.#perform(header).then(
      ({ value, messages }) => {
        writeFrame(this.#socket, { t: 'reply', id, value }, messages);
      },
      (thrown: unknown) => {
        writeFrame(this.#socket, { t: 'reply', id, error: toWire(toError(thrown)) });
      },
    );
  }

  async #perform(header: Header): Promise<{ value?: unknown; messages?: readonly EncodedMessage[] }> {
    const engine = this.#engine;
    const cabinet = header['cabinet'] === 'parked' ? 'parked' : 'dead';
    const by = stringIn(header, 'by');
    const after = stringIn(header, 'after');
    const most = numberIn(header, 'most');
    switch (header['method']) {
      case 'consume':
        await this.#outlets.consume(header);
        return {};
      case 'stop':
        await this.#outlets.stop(header);
        return {};
      case 'leave':
        await this.#outlets.leave(header);
        return {};
      case 'begin':
        return { value: await this.#outlets.begin(header) };
      case 'tap':
        await this.#tap(header);
        return {};
      case 'untap':
        await this.#taps.get(numberIn(header, 'tap'))?.close();
        this.#taps.delete(numberIn(header, 'tap'));
        return {};
      case 'replies':
        await this.#takeAnswers(stringIn(header, 'address'));
        return {};
      case 'unreply':
        await this.#answers.get(stringIn(header, 'address'))?.close();
        this.#answers.delete(stringIn(header, 'address'));
        return {};
      case 'letters': {
        const { items, next } = await engine.letters(cabinet, filterOf(header['filter']), after, most);
        const stories = items.map(({ message: _message, ...story }) => story);
        return { value: { items: stories, next }, messages: items.map(({ message }) => message) };
      }
      case 'letter': {
        const letter = await engine.letter(cabinet, stringIn(header, 'letter'));
        if (letter === undefined) return {};
        const { message, ...story } = letter;
        return { value: story, messages: [message] };
      }
      case 'redrive':
        return { value: await engine.redrive(cabinet, stringsOf(header['ids']), by) };
      case 'discard':
        return { value: await engine.discard(cabinet, stringsOf(header['ids']), by) };
      case 'audit':
        return { value: await engine.audit(after, most) };
      case 'record':
        await engine.record(stringIn(header, 'text'));
        return {};
      case 'history':
        return { value: await engine.history(after) };
      case 'load':
        return loadedToWire(await engine.load(causeOf(header['cause']), refsOf(header['refs'])));
      case 'stats':
        return { value: await engine.stats() };
      case 'manifest':
        return { value: await engine.manifest() };
      case 'pause':
        await engine.pause(
          stringIn(header, 'endpoint'),
          isRecord(header['pause']) ? pauseOf(header['pause']) : undefined,
        );
        return {};
      case 'apply':
        if (!isRecord(header['manifest'])) throw broken('a plan that is not an object');
        return { value: await engine.apply(manifestOf(header['manifest']), applyOptionsOf(header['after'])) };
      default:
        throw broken(`a request that is not known: ${JSON.stringify(header['method'])}`);
    }
  }

  async #tap(header: Header): Promise<void> {
    const tap = numberIn(header, 'tap');
    const types = header['types'] === 'all' ? 'all' : stringsOf(header['types']);
    const opened = await this.#engine.tap(types, (message) => {
      if (this.#socket.writableLength < TAP_LIMIT) writeFrame(this.#socket, { t: 'tapped', tap }, [message]);
    });
    if (this.#socket.destroyed) await opened.close();
    else this.#taps.set(tap, opened);
  }

  async #takeAnswers(address: string): Promise<void> {
    const opened = await this.#engine.replies(address, (message, tag) => {
      writeFrame(this.#socket, { t: 'answer', address, tag }, [message]);
    });
    if (this.#socket.destroyed) await opened.close();
    else this.#answers.set(address, opened);
  }

  /** The process is gone. Unless it said so before, what it had in hand is suspect. */
  #end(): void {
    this.#onEnd();
    this.#outlets.close(this.#orderly);
    for (const opened of [...this.#taps.values(), ...this.#answers.values()]) void opened.close();
    this.#taps.clear();
    this.#answers.clear();
    this.#log.debug({ orderly: this.#orderly }, 'an attached process is gone');
  }
}

function applyOptionsOf(after: unknown): ApplyOptions {
  return typeof after === 'string' || after === null ? { after } : {};
}
