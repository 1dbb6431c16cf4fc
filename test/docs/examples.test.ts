import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';
import { parse } from 'yaml';
import { readConfiguration } from '../../src/config/load.ts';
import { compileContracts } from '../../src/contracts/registry.ts';
import { generateTypes } from '../../src/contracts/types.ts';
import { ERROR_CODES, formatFault } from '../../src/errors.ts';
import { compilePlan } from '../../src/plan/compile.ts';
import type { Locate } from '../../src/plan/faults.ts';
import { runConsole } from './console.ts';
import { writeExampleBus } from './example-bus.ts';
import { anchorsOf, type Block, ROOT, readPages } from './markdown.ts';

const pages = readPages();

describe('documentation', function () {
  // Commands and the type checker take their time on a busy machine.
  this.timeout(480_000);

  for (const page of pages) {
    describe(page.file, () => {
      it('links only to what there is', async () => {
        for (const link of page.links) {
          const [path = '', anchor] = link.split('#');
          const target = path === '' ? page.file : join(dirname(page.file), path);
          expect(existsSync(join(ROOT, target)), `${link} exists`).to.equal(true);
          if (anchor === undefined) continue;
          expect(anchorsOf(await readFile(join(ROOT, target), 'utf8')), link).to.include(anchor);
        }
      });

      it('names only error codes and npm scripts that there are', async () => {
        const text = await readFile(join(ROOT, page.file), 'utf8');
        const codes = [...text.matchAll(/\bWB_[A-Z_0-9]+\b/g)].map(([code]) => code);
        expect(codes.filter((code) => !Object.hasOwn(ERROR_CODES, code))).to.deep.equal([]);
        const manifest: unknown = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
        const scripts = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, script]) => script ?? '');
        for (const script of scripts) expect(manifest).to.have.nested.property('scripts').that.has.property(script);
      });

      const configured = page.blocks.filter(({ title }) => /\.(yaml|json)$/.test(title));
      const programs = page.blocks.filter(({ language }) => language === 'ts');
      const consoles = page.blocks.filter(({ language }) => language === 'console');

      if (configured.length > 0) {
        it('shows configuration without a fault', async () => {
          await using bus = await writeExampleBus(page);
          expect(await faultsOf(bus.folder)).to.deep.equal([]);
        });
      }

      const fault = page.blocks.find(({ language, title }) => language === 'text' && title === 'fault');
      if (fault !== undefined) {
        it('shows the fault of a misspelt field as it is reported', async () => {
          const misspelt = ({ title, text }: Block) =>
            title.startsWith('routes/') ? text.replace('.country', '.county') : text;
          const blocks = page.blocks.map((block) => ({ ...block, text: misspelt(block) }));
          await using bus = await writeExampleBus({ ...page, blocks });
          expect(await faultsOf(bus.folder)).to.deep.equal([fault.text.trimEnd()]);
        });
      }

      if (programs.length > 0) {
        it('shows TypeScript that compiles', async () => {
          await using bus = await writeExampleBus(page);
          const sources = new Map(
            programs.map((block) => [join(ROOT, `docs-line-${String(block.line)}.ts`), block.text]),
          );
          sources.set(join(ROOT, 'docs-messages.ts'), await typesOf(bus.folder));
          expect(typeErrors(sources)).to.deep.equal([]);
        });
      }

      const untitled = programs.filter(({ title }) => title === '');
      if (untitled.length > 0) {
        it('shows TypeScript that runs', async () => {
          await using bus = await writeExampleBus(page);
          for (const { text, line } of untitled) {
            const file = `line-${String(line)}.ts`;
            await writeFile(join(bus.folder, file), text);
            await runConsole(`$ npx tsx ${file}`, bus.folder);
          }
        });
      }

      if (consoles.length > 0) {
        it('shows commands that say what it says', async () => {
          await using bus = await writeExampleBus(page);
          for (const block of consoles) await runConsole(block.text, bus.folder);
        });
      }
    });
  }

  it('lists every page in an index', () => {
    const listed = new Set(
      pages.flatMap(({ file, links }) => links.map((link) => join(dirname(file), link.split('#')[0] ?? ''))),
    );
    const pagesOfDocs = pages.map(({ file }) => file).filter((file) => file !== 'README.md');
    expect(pagesOfDocs.filter((file) => !listed.has(file))).to.deep.equal([]);
  });

  it('has a docker-compose.yml with pinned images, health checks and ports on loopback', async () => {
    const compose: unknown = parse(await readFile(join(ROOT, 'docker-compose.yml'), 'utf8'));
    for (const name of ['rabbitmq', 'jaeger', 'postgres']) {
      const service = expect(compose).to.have.property('services').that.has.property(name);
      service.to.have.property('image').that.matches(/:\d+\.\d+(\.\d+)?(-management)?$/);
      service.to.have.nested.property('healthcheck.test').that.is.an('array');
      service.to.have.property('ports').that.satisfies((ports: unknown) => onLoopback(ports));
    }
  });
});

function onLoopback(ports: unknown): boolean {
  return Array.isArray(ports) && ports.every((port) => /^127\.0\.0\.1:\d+:\d+$/.test(String(port)));
}

async function faultsOf(folder: string): Promise<string[]> {
  const reading = await readConfiguration({ path: folder });
  const { definition, faults, mediators } = reading;
  const locate: Locate = (...place) => reading.locate(...place);
  const compiled = definition === undefined ? [] : compilePlan(definition, { locate, mediators }).faults;
  return [...faults, ...compiled].map(formatFault);
}

/** What `waybill types` writes for the bus that a page shows. */
async function typesOf(folder: string): Promise<string> {
  const { definition } = await readConfiguration({ path: folder });
  const { contracts } = compileContracts(definition?.contracts ?? [], definition?.casts ?? [], { trusted: true });
  return generateTypes(contracts.all);
}

/** Compiles sources that are in no file, as programs of a user: `waybill` is this package. */
function typeErrors(sources: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const settings: ts.CompilerOptions = {
    ...options,
    noUnusedLocals: false,
    paths: {
      waybill: [join(ROOT, 'src/index.ts')],
      'waybill/plugin': [join(ROOT, 'src/plugin.ts')],
      'waybill/testing': [join(ROOT, 'src/testing.ts')],
    },
  };
  const host = ts.createCompilerHost(settings);
  const onDisk = { read: host.getSourceFile.bind(host), exists: host.fileExists.bind(host) };
  host.fileExists = (file) => sources.has(file) || onDisk.exists(file);
  host.getSourceFile = (file, version, ...rest) => {
    const text = sources.get(file);
    return text === undefined ? onDisk.read(file, version, ...rest) : ts.createSourceFile(file, text, version, true);
  };
  const program = ts.createProgram([...sources.keys()], settings, host);
  return [...sources.keys()]
    .flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)))
    .map(({ file, start, messageText }) => {
      const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
      return `${file?.fileName.slice(ROOT.length) ?? ''}:${String(line)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
}
