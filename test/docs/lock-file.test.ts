import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { ROOT } from './markdown.ts';

interface Locked {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe('package-lock.json', () => {
  it('names the packages of every platform, or npm ci refuses it on some', async () => {
    const packages = await lockedPackages();
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies ?? {}).filter(
        (name) =>
          packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).to.deep.equal([]);
  });

  it('names no host, so that any registry serves', async () => {
    const hosts = Object.values(await lockedPackages()).filter(({ resolved }) => resolved !== undefined);
    expect(hosts).to.deep.equal([]);
  });
});

async function lockedPackages(): Promise<Record<string, Locked>> {
  const lock = JSON.parse(await readFile(`${ROOT}package-lock.json`, 'utf8')) as { packages: Record<string, Locked> };
  return lock.packages;
}
