/** The files of a mediator that works, with its test, by path. */
export function scaffoldPlugin(name: string, extension: 'mjs' | 'ts'): Readonly<Record<string, string>> {
  const variable = name.replace(/-+([a-z0-9]?)/g, (_, letter: string) => letter.toUpperCase());
  // Names of JavaScript's own cannot be exported as they are.
  const exported = `${variable}Step`;
  const header = `x${name.replaceAll('-', '')}`.slice(0, 20);
  const of = extension === 'ts' ? '?.' : '.';
  return {
    [`plugins/${name}.${extension}`]: `import { defineMediator, Type } from 'waybill/plugin';

/** In a route: \`- ${name}: { value: data.country }\` */
export const ${exported} = defineMediator({
  name: '${name}',
  describe: 'Sets the header \`${header}\` to what an expression gives.',
  options: Type.Object(
    { value: Type.String({ minLength: 1, description: 'CEL; a text, a number, a date, true or false.' }) },
    { additionalProperties: false },
  ),
  // Once for each route, while it is checked.
  prepare({ value }, scope) {
    const expression = scope.expression(value, ['value'], 'scalar');
    if (expression === undefined) return undefined;
    return {
      // Once for each message. What it gets is frozen: it makes something new of it.
      run(message) {
        const headers = { ...message.envelope.headers, ${header}: String(expression.evaluate(message)) };
        return message.with({ envelope: { ...message.envelope, headers } });
      },
    };
  },
});
`,
    [`plugins/${name}.test.${extension}`]: `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStep } from 'waybill/testing';
import { ${exported} } from './${name}.${extension}';

const contracts = {
  'test.message@1': {
    type: 'object',
    required: ['country'],
    properties: { country: { type: 'string' } },
  },
};

test('${name} sets its header, and leaves the data as it was', async () => {
  const step = openStep(${exported}, { value: 'data.country' }, { contracts });
  const { outcome, sent } = await step.take({ data: { country: 'DE' } });
  assert.equal(outcome, 'done');
  assert.equal(sent[0]${of}envelope.headers?.${header}, 'DE');
  assert.deepEqual(sent[0]${of}data, { country: 'DE' });
});

test('${name} says what is wrong with its options', () => {
  assert.throws(() => openStep(${exported}, {}, { contracts }), /${name} needs value/);
  assert.throws(() => openStep(${exported}, { value: 'data.county' }, { contracts }), /did you mean data.country/);
});
`,
  };
}
