import type { Socket } from 'node:net';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Manifest } from '../../ports/topology.ts';
import type { Engine } from './engine.ts';
import { Session } from './session.ts';

/** The owner's side of the socket: a session for each process that is attached. */
export class Server {
  readonly #log: Log;
  readonly #sessions = new Set<Session>();
  #quiet = false;

  constructor(log: Log) {
    this.#log = log;
  }

  serve(socket: Socket, engine: Engine): void {
    if (this.#quiet) {
      socket.destroy();
      return;
    }
    const session = new Session(socket, engine, this.#log, () => {
      this.#sessions.delete(session);
    });
    this.#sessions.add(session);
  }

  announce(manifest: Manifest): void {
    for (const session of this.#sessions) session.tell({ t: 'manifest', manifest });
  }

  blocked(reason: string | undefined): void {
    for (const session of this.#sessions) session.tell({ t: 'blocked', reason: reason ?? null });
  }

  /** Takes no more requests; what was asked is still answered. */
  quiet(): void {
    this.#quiet = true;
    for (const session of this.#sessions) session.quiet();
  }

  /** Says good-bye, so that nobody takes the end for a crash. */
  close(clock: Clock): void {
    for (const session of this.#sessions) session.close(clock);
  }
}
