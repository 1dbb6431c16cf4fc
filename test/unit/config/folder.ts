import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** A folder with some files, gone at the end of the test. */
export interface Folder extends AsyncDisposable {
  readonly root: string;
  write(file: string, content: string | Uint8Array): Promise<void>;
}

export async function makeFolder(files: Readonly<Record<string, string | Uint8Array>>): Promise<Folder> {
  const root = await mkdtemp(path.join(os.tmpdir(), 'waybill-config-'));
  const write = async (file: string, content: string | Uint8Array): Promise<void> => {
    const absolute = path.join(root, file);
    await mkdir(path.dirname(absolute), { recursive: true });
    await writeFile(absolute, content);
  };
  for (const [file, content] of Object.entries(files)) await write(file, content);
  return { root, write, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
}

const contract = JSON.stringify({ type: 'object', properties: { id: { type: 'string' } } }, null, 2);

/** A small sound bus: two services, a source, three routes in two files, a cast. */
export const SOUND: Readonly<Record<string, string>> = {
  'waybill.yaml': `# yaml-language-server: $schema=../waybill.json
bus: retail
transport: \${WAYBILL_URL:-embedded:.waybill}
services:
  shop: { publishes: [shop.order.placed@1, shop.order.placed@2] }
  oms: { receives: [oms.order.create@2], ordering: key, partitions: 4 }
  mail: { receives: [shop.order.placed@2], retry: { attempts: 8, delay: 1s, factor: 4, max: 1h } }
  legacy-wms: { receives: [oms.order.create@2], client: plain }
sources:
  customers:
    http: \${CRM_URL}/customers/{key}
    auth: { bearer: "\${file:secrets/token}" }
    response: crm.customer@1
    absent: [404]
    timeout: 2s
    cache: { for: 5m, max: 10000 }
`,
  'secrets/token': 'the-token\n',
  'routes/eu-orders.yaml': `from: shop.order.placed@2
when: data.id != '' && data.id in ['DE', 'FR']
steps:
  - filter: data.id != 'x'
  - map:
      to: oms.order.create@2
      set:
        id: data.id
to: oms
`,
  'routes/others.yaml': `- name: mails
  from: [shop.order.*@2]
  choose:
    - when: data.id == 'a'
      to: mail
    - otherwise: [mail, { publish: oms.order.create@2 }]
- name: direct
  from: oms.order.create@2
  to:
    - { service: oms, when: data.id == 'x' }
    - legacy-wms
`,
  'schemas/shop/order.placed.v1.json': contract,
  'schemas/shop/order.placed.v2.json': contract,
  'schemas/shop/order.placed.v1-v2.yaml': 'up:\n  id: data.id\n',
  'schemas/oms/order.create.v2.json': contract,
  'schemas/crm/customer.v1.json': contract,
};

export const ENVIRONMENT = { CRM_URL: 'https://crm.example' };
