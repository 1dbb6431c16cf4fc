import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Kills the processes it was told of, and removes the folder, when this process ends in whatever way. */
const SCRIPT = `
pids=
while read -r op pid; do
  case $op in
    add) pids="$pids $pid" ;;
    drop) kept=; for p in $pids; do [ "$p" = "$pid" ] || kept="$kept $p"; done; pids=$kept ;;
  esac
done
for p in $pids; do kill -9 "-$p" 2>/dev/null; done
for n in 1 2 3 4 5; do rm -rf "$1" 2>/dev/null && exit 0; sleep 0.2; done`;

/** Looks after a private server: what this process started, leads a process group and keeps in one folder. */
export class Watchdog {
  readonly #shell: ChildProcess;

  constructor(folder: string) {
    this.#shell = spawn('sh', ['-c', SCRIPT, 'watchdog', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#shell.unref();
  }

  add(child: ChildProcess): void {
    this.#shell.stdin?.write(`add ${String(child.pid)}\n`);
  }

  /** Ends a process and all that it started; resolves when it is gone. */
  async end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
    if (child?.pid === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((resolve) =>
        child.once('exit', () => {
          resolve();
        }),
      );
      process.kill(-child.pid, signal);
      await gone;
    }
    this.#shell.stdin?.write(`drop ${String(child.pid)}\n`);
  }

  /** Kills what is left and removes the folder. */
  async dispose(): Promise<void> {
    const gone = new Promise<void>((resolve) =>
      this.#shell.once('exit', () => {
        resolve();
      }),
    );
    // Nothing else may keep the process alive by now.
    this.#shell.ref();
    this.#shell.stdin?.end();
    await gone;
  }
}

export function onPath(command: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}
