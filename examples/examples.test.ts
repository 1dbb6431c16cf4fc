import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { checkConfiguration, formatFault, generateTypes } from 'waybill';

const HERE = fileURLToPath(new URL('./', import.meta.url));
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const EXAMPLES = readdirSync(HERE).filter((name) => existsSync(`${HERE}${name}/waybill.yaml`));

/** What a configuration reads from the environment without a default is a key. */
async function provideKeys(example: string): Promise<void> {
  const text = await readFile(`${HERE}${example}/waybill.yaml`, 'utf8');
  for (const [, name = ''] of text.matchAll(/\$\{([A-Z0-9_]+)\}/g)) {
    process.env[name] ??= randomBytes(32).toString('base64');
  }
}

/** Resolves when the process has ended, to its exit code and all that it wrote. */
async function run(script: string): Promise<{ code: number | null; output: string }> {
  const { WAYBILL_URL: _url, ...env } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', script], { cwd: ROOT, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, output });
    });
  });
}

describe('the examples', () => {
  it('are there', () => {
    expect(EXAMPLES).to.include.members(['hospital', 'invoicing', 'legacy-erp', 'order-saga', 'pos-inventory']);
  });

  for (const example of EXAMPLES) {
    describe(example, () => {
      it('has a configuration without faults or warnings', async () => {
        await provideKeys(example);
        const { faults, warnings, plan } = await checkConfiguration({ config: `${HERE}${example}` });
        expect([...faults, ...warnings].map((fault) => formatFault(fault))).to.deep.equal([]);
        expect(plan?.routes).to.not.have.length(0);
      });

      it('has the types of its contracts', async () => {
        await provideKeys(example);
        const { plan } = await checkConfiguration({ config: `${HERE}${example}` });
        const written = await readFile(`${HERE}${example}/messages.ts`, 'utf8');
        const stale = `npx waybill types --config examples/${example} --out examples/${example}/messages.ts writes them`;
        expect(written, stale).to.equal(generateTypes(plan?.contracts.all ?? []));
      });

      it('proves its numbers', async () => {
        const { code, output } = await run(`examples/${example}/main.ts`);
        expect(code, output).to.equal(0);
        expect(output)
          .to.match(/^right {2}/m)
          .and.not.match(/^WRONG/m);
      });
    });
  }
});
