import { version } from './version.ts';

/** The files of a small bus that works, by path. @param name of the folder */
export function scaffold(name: string): Readonly<Record<string, string>> {
  const bus =
    name
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^[^a-z]+|-+$/g, '') || 'hello';
  return {
    'waybill.yaml': `# The bus: its name, what carries its messages, and who is on it.
bus: ${bus}
transport: \${WAYBILL_URL:-embedded:.waybill}
services:
  shop: { publishes: [shop.order.placed@1] }
  mail: { receives: [mail.message.send@1] }
`,
    'routes/order-confirmation.yaml': `describe: Every order that costs something is confirmed by mail.
from: shop.order.placed@1
when: data.total > 0
steps:
  - map:
      to: mail.message.send@1
      set:
        orderId: data.orderId
        to: data.email
        subject: "'Your order ' + data.orderId"
        lines: { $each: data.lines, $as: line, $set: "text(line.quantity) + ' x ' + line.name" }
to: mail
`,
    'schemas/shop/order.placed.v1.json': json({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      description: 'An order was placed in the shop.',
      'x-owner': 'shop',
      'x-key': '/orderId',
      type: 'object',
      required: ['orderId', 'email', 'total', 'lines'],
      properties: {
        orderId: { type: 'string', minLength: 1 },
        email: { type: 'string', format: 'email', 'x-sensitive': true },
        total: { type: 'number', minimum: 0, description: 'In euros' },
        lines: {
          type: 'array',
          minItems: 1,
          items: {
            type: 'object',
            required: ['name', 'quantity'],
            properties: { name: { type: 'string' }, quantity: { type: 'integer', minimum: 1 } },
          },
        },
      },
      examples: [ORDER],
    }),
    'schemas/mail/message.send.v1.json': json({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      description: 'A mail is to be sent.',
      'x-owner': 'mail',
      'x-key': '/orderId',
      type: 'object',
      required: ['orderId', 'to', 'subject', 'lines'],
      properties: {
        orderId: { type: 'string' },
        to: { type: 'string', format: 'email', 'x-sensitive': true },
        subject: { type: 'string' },
        lines: { type: 'array', items: { type: 'string' } },
      },
    }),
    'services/mail.mjs': `import { connect } from 'waybill';

const mail = await connect({ service: 'mail' });

mail.handle('mail.message.send@1', async ({ data }) => {
  console.log(\`to \${data.to}: \${data.subject}\`);
  for (const line of data.lines) console.log(\`  \${line}\`);
});

await mail.start();
console.log('mail is on the bus; Ctrl+C ends it');
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => mail.close());
`,
    'order.json': json(ORDER),
    'package.json': json({
      name: bus,
      private: true,
      type: 'module',
      scripts: {
        start: 'node services/mail.mjs',
        order: 'waybill publish shop.order.placed@1 order.json',
        check: 'waybill check',
      },
      dependencies: { waybill: `^${version()}` },
    }),
    '.gitignore': 'node_modules/\n.waybill/\n',
  };
}

const ORDER = {
  orderId: 'O-1001',
  email: 'ada@example.com',
  total: 42.5,
  lines: [
    { name: 'teapot', quantity: 1 },
    { name: 'cup', quantity: 4 },
  ],
};

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
