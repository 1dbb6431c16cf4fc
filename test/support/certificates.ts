import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A private authority and what it signs, made with openssl; gone at the end. */
export class Certificates implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param parent of the folder */
  static async create(parent = tmpdir()): Promise<Certificates> {
    const folder = await mkdtemp(join(parent, 'waybill-tls-'));
    await chmod(folder, 0o755);
    return new Certificates(folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** `<name>.pem` and `<name>.key` of an authority. */
  async authority(name: string): Promise<void> {
    const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.pem`];
    await this.#openssl('req', '-x509', ...made, '-days', '2', '-subj', `/CN=${name}`);
  }

  /** `<name>.pem` and `<name>.key`, signed. @param days it is good; 0 is over already */
  async sign(name: string, authority: string, options: { host?: string; days?: number } = {}): Promise<void> {
    const { host = name, days = 2 } = options;
    await writeFile(this.path(`${name}.ext`), `subjectAltName=DNS:${host}\n`);
    const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`];
    await this.#openssl('req', ...made, '-subj', `/CN=${name}`);
    const by = ['-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-extfile', `${name}.ext`];
    await this.#openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', String(days), '-out', `${name}.pem`);
    // The broker may run as another user.
    await chmod(this.path(`${name}.key`), 0o644);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    await run('openssl', args, { cwd: this.folder });
  }
}
