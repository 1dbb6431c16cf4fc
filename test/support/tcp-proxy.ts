import { createConnection, createServer, type Socket } from 'node:net';
import { type Clock, systemClock, type Timer } from '../../src/ports/clock.ts';

/** Stands between a client and a server on loopback and makes the faults a network makes. */
export interface TcpProxy {
  readonly port: number;
  /** The same url, through the proxy. */
  through(url: string): string;
  /** How many connections are open now. */
  readonly connections: number;
  /** Breaks every open connection at once, without a good-bye. New ones are taken. */
  cut(): void;
  /** Does so when this many more pieces have been delivered, whatever the direction and the connection; resolves then. */
  cutAfter(pieces: number): Promise<void>;
  /** Refuses new connections from now on, and breaks the open ones. */
  refuse(): void;
  /** Takes bytes and delivers none, in both directions, on open and new connections: a peer that froze. */
  stall(): void;
  /** Takes bytes of the open connections and loses them: a half-open line. New connections work. */
  halfOpen(): void;
  /** Delivers each piece `ms` later than it came, in order. */
  slow(ms: number): void;
  /** Delivers so much each second in each direction of a connection, in order. @param rate in bytes */
  throttle(rate: number): void;
  /** All as it should be again. */
  mend(): void;
  close(): Promise<void>;
}

/** @param target the server's port; a function is asked for each connection, as a load balancer is */
export async function tcpProxy(target: number | (() => number), clock: Clock = systemClock): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  /** Whose bytes go nowhere. */
  const dead = new WeakSet<Socket>();
  const timers = new Set<Timer>();
  let refusing = false;
  let stalled = false;
  let delayMs = 0;
  let rate = Number.POSITIVE_INFINITY;
  let piecesLeft = Number.POSITIVE_INFINITY;
  let enough: (() => void) | undefined;
  let release: (() => void)[] = [];

  const pipe = (from: Socket, to: Socket): void => {
    /** What is on its way, oldest first: a later piece never overtakes, however the delay changes. */
    const late: { readonly chunk: Buffer; readonly due: number }[] = [];
    const deliver = (chunk: Buffer): void => {
      if (dead.has(from)) return;
      if (stalled)
        release.push(() => {
          deliver(chunk);
        });
      else if (!to.destroyed) to.write(chunk);
      if (--piecesLeft === 0) enough?.();
    };
    const deliverLate = (): void => {
      const [head] = late;
      if (head === undefined) return;
      const timer = clock.timer(head.due - clock.elapsed(), () => {
        timers.delete(timer);
        late.shift();
        deliver(head.chunk);
        deliverLate();
      });
      timers.add(timer);
    };
    from.on('data', (chunk: Buffer) => {
      if (delayMs === 0 && rate === Number.POSITIVE_INFINITY && late.length === 0) {
        deliver(chunk);
        return;
      }
      const free = Math.max(clock.elapsed(), late.at(-1)?.due ?? 0);
      late.push({ chunk, due: Math.max(clock.elapsed() + delayMs, free + (chunk.length / rate) * 1_000) });
      if (late.length === 1) deliverLate();
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      // Of a half-open line neither end hears that the other has gone.
      if (!dead.has(from)) to.destroy();
    });
  };
  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = createConnection({ host: '127.0.0.1', port: typeof target === 'number' ? target : target() });
    sockets.add(client).add(upstream);
    pipe(client, upstream);
    pipe(upstream, client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = (): void => {
    release = [];
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    through(url) {
      const changed = new URL(url);
      changed.hostname = '127.0.0.1';
      changed.port = String(port);
      return changed.href;
    },
    get connections() {
      return sockets.size / 2;
    },
    cut,
    async cutAfter(pieces) {
      piecesLeft = pieces;
      await new Promise<void>((resolve) => {
        enough = resolve;
      });
      cut();
    },
    refuse() {
      refusing = true;
      cut();
    },
    stall() {
      stalled = true;
    },
    halfOpen() {
      for (const socket of sockets) dead.add(socket);
    },
    slow(ms) {
      delayMs = ms;
    },
    throttle(bytes) {
      rate = bytes;
    },
    mend() {
      refusing = false;
      stalled = false;
      delayMs = 0;
      rate = Number.POSITIVE_INFINITY;
      piecesLeft = Number.POSITIVE_INFINITY;
      const waiting = release;
      release = [];
      for (const deliver of waiting) deliver();
    },
    async close() {
      for (const timer of timers) timer.cancel();
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
