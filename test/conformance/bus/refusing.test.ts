import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { all } from '../../support/collector.ts';
import { until } from '../../support/until.ts';
import type { UntypedService } from '../../support/untyped.ts';
import { throughServices } from './services.ts';

const schema = (properties: object): string =>
  JSON.stringify({ type: 'object', properties, required: Object.keys(properties), 'x-key': '/id' });
const TEXT = { type: 'string' };
const NUMBER = { type: 'integer' };

const plugin = (name: string, run: string): string => `const refused = new Set();
export default {
  name: '${name}',
  describe: 'Refuses messages.',
  options: { type: 'object' },
  prepare: () => ({ run: (message) => { ${run} } }),
};
`;

/** Shards are told to oms by a plugin that does not always know how; steps of jobs come in order, and another plugin refuses some once. */
async function writeRefusing(folder: string, options: { bus: string; transport: string }): Promise<void> {
  const store = options.transport.startsWith('embedded:') ? '' : `store: embedded:${folder}/states\n`;
  const files: Readonly<Record<string, string>> = {
    'waybill.yaml': `${store}bus: ${options.bus}
transport: ${options.transport}
services:
  shop: { publishes: [shop.shard.made@1, shop.job.stepped@1] }
  oms: { receives: [shop.shard.made@1, shop.job.stepped@1] }
`,
    'schemas/shop/shard.made.v1.json': schema({ id: TEXT, how: TEXT }),
    'schemas/shop/job.stepped.v1.json': schema({ id: TEXT, n: NUMBER, once: TEXT }),
    'plugins/tag.mjs': plugin(
      'tag',
      `const made = {
        key: { key: 5 },
        header: { envelope: { ...message.envelope, headers: { shard: 5 } } },
        text: { key: 'five', envelope: { ...message.envelope, headers: { shard: '5' } } },
      };
      return message.with(made[message.data.how]);`,
    ),
    'plugins/once.mjs': plugin(
      'once',
      `const { id } = message.envelope;
      if (message.data.once !== 'refused' || refused.has(id)) return message;
      refused.add(id);
      throw new Error('not yet');`,
    ),
    'routes/shards.yaml': `from: shop.shard.made@1\nsteps: [{ tag: {} }]\nto: oms\n`,
    'routes/jobs.yaml': `from: shop.job.stepped@1
steps:
  - resequence: { sequence: data.n, timeout: 1h }
  - once: {}
to: oms
`,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

throughServices(
  'a route that refuses a message',
  (bus) => {
    const got: string[] = [];
    let shop: UntypedService;

    beforeEach(async () => {
      got.length = 0;
      shop = await bus().connect('shop');
      const oms = await bus().connect('oms');
      await oms
        .handle(
          'shop.shard.made@1',
          ({ key, headers, id }) => void got.push(`${id} ${String(key)} ${String(headers?.['shard'])}`),
        )
        .handle('shop.job.stepped@1', ({ data }) => void got.push(String((data as { n: number }).n)))
        .start();
    });

    it('says what a plugin gave as an attribute that is no text, and which step it was', async () => {
      for (const how of ['key', 'header', 'text'])
        await shop.publish('shop.shard.made@1', { id: 'a', how }, { id: how });
      await until('what is text', () => got.length === 1);
      expect(got[0]).to.match(/ five 5$/);
      await until('the dead letters', async () => (await bus().transport.dead.count()) === 2);
      const letters = await all(bus().transport.dead.list());
      const WHO = 'step 1 (tag): the plugin tag (plugins/tag.mjs)';
      expect(letters.map(({ code, error, message }) => `${message.envelope.id} ${code} ${error}`).sort()).to.deep.equal(
        [
          `header WB_PLUGIN_RESULT ${WHO}: with({ envelope }): envelope.headers.shard is no text, but a number`,
          `key WB_PLUGIN_RESULT ${WHO}: with({ key }): the key is no text, but a number`,
        ],
      );
    });

    it('does not try again what failed alone until a person has it redriven', async () => {
      for (const n of [3, 2, 1])
        await shop.publish('shop.job.stepped@1', { id: 'j', n, once: n === 2 ? 'refused' : '' });
      await until('the dead letter', async () => (await bus().transport.dead.count()) === 1);
      await until('the others', () => got.length === 2);
      expect(got).to.deep.equal(['1', '3']);
      const [letter] = await all(bus().transport.dead.list());
      expect(letter).to.include({
        code: 'WB_PLUGIN_FAILED',
        error: 'step 2 (once): the plugin once (plugins/once.mjs): not yet',
        route: 'jobs',
      });
      await bus().transport.dead.redrive({}, { by: 'tests' });
      await until('the last', () => got.length === 3);
      expect(got).to.deep.equal(['1', '3', '2']);
      expect(await bus().transport.dead.count()).to.equal(0);
    });
  },
  writeRefusing,
);
