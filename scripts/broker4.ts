/**
 * `npm run test:broker4`: the tests of the broker, of conformance on it and of faults, on RabbitMQ 4.x. It is taken from
 * `WAYBILL_TEST_URL`, else an installed server of that version, else Docker, else (as root on Debian) a small system of its own
 * in `.waybill-cache`, entered by chroot. The system's own RabbitMQ is not touched.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dockerAnswers } from '../test/support/broker-docker.ts';
import { installPackages, mayInstall } from '../test/support/broker-install.ts';
import { findServer } from '../test/support/broker-node.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SYSTEM = join(ROOT, '.waybill-cache', 'rabbitmq-4');
const SUITES = ['test/broker/**/*.test.ts', 'test/conformance/**/*.test.ts', 'test/faults/**/*.test.ts'];

const run = promisify(execFile);
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** What the tests need in their environment to use it; undefined where none can be had. */
async function environment(): Promise<NodeJS.ProcessEnv | undefined> {
  const url = process.env['WAYBILL_TEST_URL'];
  if (url !== undefined && url !== '') {
    say('RabbitMQ of WAYBILL_TEST_URL: tests that stop or kill the broker are left out');
    return {};
  }
  const installed = findServer();
  if (installed !== undefined && (await isFour(installed))) {
    say(`the installed ${installed}`);
    return {};
  }
  if (await dockerAnswers()) {
    say('a container of RabbitMQ 4');
    return { WAYBILL_TEST_DOCKER: 'required' };
  }
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return undefined;
  if (!existsSync(SYSTEM)) {
    if (!(await runs('debootstrap', '--version'))) {
      if (!(await mayInstall())) return undefined;
      await installPackages(['debootstrap'], say);
    }
    say(`a minimal Debian 13 with rabbitmq-server into ${SYSTEM} by debootstrap: takes a minute, once`);
    await bootstrap();
  }
  say(`RabbitMQ of ${SYSTEM}, entered by chroot`);
  return { WAYBILL_TEST_ROOT: SYSTEM };
}

/** Debian keeps the version in the name of the folder beside the script. */
async function isFour(server: string): Promise<boolean> {
  const versions = await readdir(join(server, '..', '..', 'lib')).catch(() => []);
  return versions.some((name) => /^rabbitmq_server-4\./.test(name));
}

async function runs(command: string, ...args: string[]): Promise<boolean> {
  try {
    await run(command, args);
    return true;
  } catch {
    // Not there: another way is tried, or none is left.
    return false;
  }
}

/** Under another name until it is whole, so that an interrupted one is not taken for it. */
async function bootstrap(): Promise<void> {
  const making = `${SYSTEM}.making`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  await run('debootstrap', ['--variant=minbase', '--include=rabbitmq-server', 'trixie', making], {
    maxBuffer: 64 * 1024 * 1024,
  });
  await writeFile(join(making, 'etc', 'hosts'), '127.0.0.1 localhost\n');
  await rename(making, SYSTEM);
}

const env = await environment();
if (env === undefined) {
  say(
    'no RabbitMQ 4: install one, start Docker, set WAYBILL_TEST_URL, or as root on Debian `apt-get install debootstrap`',
  );
  process.exitCode = 1;
} else {
  const mocha = join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const more = process.argv.slice(2);
  const tests = spawn(process.execPath, [mocha, ...(more.length === 0 ? SUITES : more)], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, WAYBILL_TEST_ONLY: 'RabbitMQ', WAYBILL_TEST_BROKER: 'required', ...env },
  });
  process.exitCode = await new Promise<number>((resolve) =>
    tests.once('exit', (code) => {
      resolve(code ?? 1);
    }),
  );
}
