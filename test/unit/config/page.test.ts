import { expect } from 'chai';
import { readConfiguration } from '../../../src/config/load.ts';
import { formatFault } from '../../../src/errors.ts';
import { readPages } from '../../docs/markdown.ts';
import { type Folder, makeFolder } from './folder.ts';

describe('the page about configuration', () => {
  const blocks = readPages().find(({ file }) => file === 'docs/concepts/configuration.md')?.blocks ?? [];
  const files = blocks.filter(({ title }) => title !== '');
  const folder = (): Promise<Folder> => makeFolder(Object.fromEntries(files.map(({ title, text }) => [title, text])));

  it('shows files without a fault, in each environment', async () => {
    expect(files.map(({ title }) => title)).to.include.members(['waybill.yaml', 'waybill.prod.yaml']);
    await using bus = await folder();
    expect((await readConfiguration({ path: bus.root, environment: {} })).faults).to.deep.equal([]);
    const environment = { MQ_USER: 'user', MQ_PASSWORD: 'password' };
    const { faults, settings, definition } = await readConfiguration({ path: bus.root, env: 'prod', environment });
    expect(faults).to.deep.equal([]);
    expect(settings?.transport.shown).to.equal('amqps://mq.example/retail');
    expect(settings?.telemetry.log).to.equal('warn');
    expect(definition?.limits.size).to.equal(2 * 1024 * 1024);
  });

  it('shows a fault as it is reported', async () => {
    await using bus = await folder();
    const route = files.find(({ title }) => title.startsWith('routes/'));
    await bus.write(route?.title ?? '', (route?.text ?? '').replaceAll('"', ''));
    const { faults } = await readConfiguration({ path: bus.root, environment: {} });
    const shown = blocks.find(({ language }) => language === 'text')?.text.trimEnd();
    expect(faults.map(formatFault)).to.deep.equal([shown]);
  });
});
