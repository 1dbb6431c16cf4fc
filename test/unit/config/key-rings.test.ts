import { inspect } from 'node:util';
import { expect } from 'chai';
import { type Reading, readConfiguration } from '../../../src/config/load.ts';
import { formatFault } from '../../../src/errors.ts';
import { ENVIRONMENT, makeFolder, SOUND } from './folder.ts';

const KEY = 'q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k=';
const HEX = Buffer.from(KEY, 'base64').toString('hex');

async function read(keys: string, environment: Readonly<Record<string, string>> = {}): Promise<Reading> {
  await using folder = await makeFolder({
    ...SOUND,
    'waybill.yaml': `${SOUND['waybill.yaml'] ?? ''}${keys}`,
    'secrets/k1': `${KEY}\n`,
    'waybill.prod.yaml': 'keys: { patients: { current: k2 } }\n',
  });
  const { env, ...rest } = environment;
  return await readConfiguration({
    path: folder.root,
    environment: { ...ENVIRONMENT, KEY_2: HEX, ...rest },
    ...(env !== undefined && { env }),
  });
}

const SOUND_KEYS = 'keys: { patients: { current: k1, keys: { k1: "${file:secrets/k1}", k2: "${KEY_2}" } } }\n';

describe('key rings', () => {
  it('hold keys in base64 and hex, of which one is current, as the environment says', async () => {
    const { settings, faults, definition } = await read(SOUND_KEYS);
    expect(faults).to.deep.equal([]);
    const ring = settings?.keyRings.get('patients');
    expect(ring?.current.id).to.equal('k1');
    expect(Buffer.from(ring?.find('k2') ?? [])).to.deep.equal(Buffer.from(ring?.current.key ?? []));
    expect(ring?.find('k3')).to.equal(undefined);
    expect(definition?.facilities).to.deep.equal({ keyRings: ['patients'] });
    const prod = await read(SOUND_KEYS, { env: 'prod' });
    expect(prod.settings?.keyRings.get('patients')?.current.id).to.equal('k2');
  });

  it('show nothing of their keys', async () => {
    const reading = await read(SOUND_KEYS);
    const shown = `${inspect(reading, { depth: 12, showHidden: true })} ${JSON.stringify(reading)}`;
    expect(shown).to.not.contain(KEY).and.not.contain(HEX);
    expect(shown).to.not.contain(Buffer.from(KEY, 'base64').toString('latin1'));
  });

  it('are refused by name, with nothing of the key', async () => {
    const shown = async (keys: string, more: Readonly<Record<string, string>> = {}): Promise<string> =>
      (await read(keys, more)).faults.map(formatFault).join('\n');
    expect(await shown(SOUND_KEYS, { KEY_2: 'c2hvcnQtc2VjcmV0' }))
      .to.contain('keys.patients.keys.k2: expected 32 bytes in base64 or hex')
      .and.not.contain('c2hvcnQ');
    expect(await shown('keys: { patients: { current: k3, keys: { k1: "${KEY_2}" } } }\n'))
      .to.contain('there is no key k3 in the ring')
      .and.contain('did you mean k1?');
    expect(await shown(`keys: { patients: { current: k1, keys: { k1: ${KEY} } } }\n`))
      .to.contain('a secret stands here in plain text')
      .and.not.contain(KEY);
    expect(await shown('keys: { patients: { current: "a:b", keys: { "a:b": "${KEY_2}" } } }\n')).to.contain(
      "a key's name",
    );
    expect(await shown('keys: { patients: { current: k1, keys: {} } }\n')).to.contain('WB_OPTION_INVALID');
  });
});
