import { Ajv } from 'ajv';
import { expect } from 'chai';
import { parse } from 'yaml';
import { editorSchemas } from '../../../src/config/editor-schemas.ts';
import { configurationOptions } from '../../../src/config/options-table.ts';
import { MEDIATORS } from '../../../src/mediators/table.ts';
import { SOUND } from './folder.ts';

const schemas = editorSchemas(MEDIATORS);

function check(name: string, value: unknown): string[] {
  const ajv = new Ajv({ allErrors: true, strict: false });
  const validate = ajv.compile(schemas[name] ?? {});
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

describe('schemas for editors', () => {
  it('take sound files', () => {
    for (const [file, text] of Object.entries(SOUND)) {
      const value: unknown = parse(text);
      if (file === 'waybill.yaml') expect(check('waybill.json', value)).to.deep.equal([]);
      if (file.startsWith('routes/')) expect(check('route.json', value), file).to.deep.equal([]);
      if (file.includes('v1-v2')) expect(check('cast.json', value)).to.deep.equal([]);
    }
    expect(check('waybill.env.json', { limits: { size: '2MiB' }, sources: { a: { timeout: '1s' } } })).to.deep.equal(
      [],
    );
  });

  it('mark what is faulty', () => {
    const service = (options: object) => check('waybill.json', { bus: 'a', services: { a: options } });
    expect(service({ timeout: 30 })).to.deep.equal(['/services/a/timeout type']);
    expect(service({ timeout: '30 s' })).to.deep.equal(['/services/a/timeout pattern']);
    expect(service({ timout: '30s' })).to.deep.equal(['/services/a additionalProperties']);
    expect(check('waybill.json', {})).to.deep.equal([' required']);
    expect(check('waybill.env.json', { services: {} })).to.deep.equal([' additionalProperties']);
    expect(check('cast.json', { down: {} })).to.deep.equal([' required']);
    const route = (step: object) => check('route.json', { from: 'a.b@1', to: 'a', steps: [step] });
    expect(route({ filter: 'data.x' })).to.deep.equal([]);
    expect(route({ fliter: 'data.x' })).to.include('/steps/0 additionalProperties');
  });

  it('hold none of our own keywords', () => {
    expect(JSON.stringify(schemas)).not.to.match(/"quantity"|x-expected/);
  });
});

describe('the table of options', () => {
  const rows = configurationOptions();

  it('has a line with a description for every option of every file', () => {
    for (const { option, describe } of rows) expect(describe, option).not.to.equal('');
    const names = rows.map(({ option }) => option);
    expect(names).to.include.members([
      'services.<name>.retry.delay',
      'sources.<name>.cache.for',
      'choose[].otherwise',
      'to.publish',
      'up',
    ]);
    expect(new Set(rows.map(({ file, option }) => `${file} ${option}`))).to.have.property('size', rows.length);
  });

  it('says what an option takes, its default, and who may override it', () => {
    const row = (option: string) => rows.find((each) => each.option === option);
    expect(row('services.<name>.hold')).to.include({
      takes: 'a duration from 0s to 10m, such as 30s',
      default: '60s',
      required: false,
      overridable: false,
    });
    expect(row('limits.size')).to.include({
      takes: 'a size from 1KiB to 15MiB, such as 64KiB',
      default: '1MiB',
      overridable: true,
    });
    expect(row('bus')).to.include({ required: true, default: undefined });
    expect(row('services.<name>.publishes')).to.include({ default: '[]', required: false });
  });
});
