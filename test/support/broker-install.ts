import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Held while one process installs. Test runs side by side would meet at apt, or find a server that is only half there. */
const LOCK = '/run/lock/waybill-install';
/** @unit seconds */
const PATIENCE = 600;

/** The system's own services are not started by an installation: tests start private nodes only. */
const INSTALL = `
policy=/usr/sbin/policy-rc.d
kept=$policy.before-waybill
if [ -e $policy ] && ! grep -q waybill-install $policy; then mv $policy $kept; fi
trap 'rm -f $policy; if [ -e $kept ]; then mv $kept $policy; fi' EXIT
printf '#!/bin/sh\n# waybill-install\nexit 101\n' >$policy
chmod 755 $policy
apt-get update && apt-get install -y --no-install-recommends "$@"`;

/** Whether a package may be installed without asking anyone: root, Debian or Ubuntu, and no terminal where a person sits. */
export async function mayInstall(): Promise<boolean> {
  if (process.getuid?.() !== 0 || process.stdout.isTTY || !existsSync('/usr/bin/apt-get')) return false;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release);
}

/** Resolves when nobody installs, so that what is found is whole. */
export async function installationsEnd(): Promise<void> {
  if (await mayInstall()) await locked('true', []);
}

export function installServer(say: (line: string) => void): Promise<void> {
  return installPackages(['rabbitmq-server'], say);
}

/** Installs packages of Debian, without starting any service of theirs. */
export async function installPackages(packages: readonly string[], say: (line: string) => void): Promise<void> {
  say(`not found: installing ${packages.join(', ')} with apt-get (root, no terminal)`);
  await locked('sh', ['-ec', INSTALL, 'install', ...packages]);
}

/** The lock ends with its holder, however that ends. */
async function locked(command: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('flock', ['-w', String(PATIENCE), LOCK, command, ...args], { env, maxBuffer: 64 * 1024 * 1024 });
}
