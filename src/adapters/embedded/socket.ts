import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Longest path of a socket that every system takes. @unit bytes */
const LONGEST = 100;

/** Listens for processes that attach. */
export interface Listener {
  /** What the record of ownership says of it. */
  readonly name: string;
  readonly nonce: string;
  /** From now on connections are handed over, those that came before first. */
  accept(onSocket: (socket: Socket) => void): void;
  close(): Promise<void>;
}

/** Opens a socket of a new name in the folder, for this user alone; on Windows a named pipe. */
export async function listen(folder: string): Promise<Listener> {
  const nonce = randomUUID().slice(0, 13);
  const name = process.platform === 'win32' ? `\\\\.\\pipe\\waybill-${nonce}` : `owner-${nonce}.sock`;
  const early: Socket[] = [];
  let accept = (socket: Socket): void => {
    early.push(socket);
  };
  const server = createServer((socket) => {
    // A peer that dies mid-frame is an end like any other; `close` follows.
    socket.on('error', () => undefined);
    accept(socket);
  });
  await reach(folder, name, async (path) => {
    await listening(server, path);
    if (process.platform !== 'win32') await chmod(path, 0o600);
  });
  return {
    name,
    nonce,
    accept(onSocket) {
      accept = onSocket;
      for (const socket of early.splice(0)) onSocket(socket);
    },
    async close() {
      for (const socket of early.splice(0)) socket.destroy();
      await new Promise<void>((done) => {
        server.close(() => {
          done();
        });
      });
      await removeSocket(folder, name);
    },
  };
}

/**
 * Connects to the owner's socket. @throws ECONNREFUSED or ENOENT when the process that listened there is gone, and other
 * errors of the system
 */
export function connect(folder: string, name: string): Promise<Socket> {
  return reach(
    folder,
    name,
    (path) =>
      new Promise((done, fail) => {
        const socket = createConnection(path);
        socket.once('error', fail);
        socket.once('connect', () => {
          socket.off('error', fail);
          socket.on('error', () => undefined);
          done(socket);
        });
      }),
  );
}

export async function removeSocket(folder: string, name: string): Promise<void> {
  if (process.platform !== 'win32') await rm(join(folder, name), { force: true });
}

/** Undefined in worker threads, which may not change it; there `chmod` has to do. */
function umask(mask: number): number | undefined {
  return isMainThread && process.platform !== 'win32' ? process.umask(mask) : undefined;
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    // The socket is this user's alone from its first moment. It is made before `listen` returns.
    const before = umask(0o177);
    server.listen(path, () => {
      server.off('error', fail);
      done();
    });
    if (before !== undefined) umask(before);
  });
}

/** Paths of sockets hold some hundred bytes at most: a longer one is reached through a link from a short place. */
async function reach<T>(folder: string, name: string, use: (path: string) => Promise<T>): Promise<T> {
  if (process.platform === 'win32') return use(name);
  const path = join(resolve(folder), name);
  if (Buffer.byteLength(path) <= LONGEST) return use(path);
  const detour = await mkdtemp(join(tmpdir(), 'wb-'));
  try {
    await symlink(resolve(folder), join(detour, 'f'));
    return await use(join(detour, 'f', name));
  } finally {
    await rm(detour, { recursive: true, force: true });
  }
}
