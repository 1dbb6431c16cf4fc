import { expect } from 'chai';
import { type ReferenceProblem, resolveReferences } from '../../../src/config/references.ts';
import { makeFolder } from './folder.ts';

async function resolve(
  raw: unknown,
  environment: Record<string, string> = {},
): Promise<{ value: unknown; problems: ReferenceProblem[] }> {
  await using folder = await makeFolder({ secret: 'from a file\r\n' });
  const problems: ReferenceProblem[] = [];
  return { value: await resolveReferences(raw, ['top'], { root: folder.root, environment }, problems), problems };
}

describe('references to the environment', () => {
  it('are replaced wherever texts stand', async () => {
    const raw = { a: 'x${A}y${B:-b}', b: ['${file:secret}', 7, null, true], c: '$${A} $A {A}', d: '${B:-}' };
    const { value, problems } = await resolve(raw, { A: '1' });
    expect(problems).to.deep.equal([]);
    expect(value).to.deep.equal({ a: 'x1yb', b: ['from a file', 7, null, true], c: '${A} $A {A}', d: '' });
  });

  it('are replaced once: a value that looks like a reference stays as it is', async () => {
    expect((await resolve('${A}', { A: '${B}', B: 'no' })).value).to.equal('${B}');
  });

  it('count an empty variable as none', async () => {
    expect((await resolve('${A:-b}', { A: '' })).value).to.equal('b');
    expect((await resolve('${A}', { A: '' })).problems).to.have.length(1);
  });

  it('never take what an object has of its own', async () => {
    expect((await resolve('${toString}')).problems).to.have.length(1);
  });

  it('are all reported with their place', async () => {
    const { problems } = await resolve({ a: ['ok ${NOPE}', '${file:nope}'], b: '${A', c: '${A:b}', d: '${A:-${B}}' });
    expect(problems.map(({ path, offset, message }) => [path.join('.'), offset, message])).to.have.deep.members([
      ['top.a.0', 3, 'the environment variable NOPE is not set'],
      ['top.a.1', 0, 'the file nope cannot be read: ENOENT'],
      ['top.b', 0, 'a reference that begins with ${ has no end'],
      ['top.c', 0, '${A:b} is not a reference'],
      ['top.d', 0, 'the default of ${A} holds a reference, which is not resolved'],
    ]);
  });
});
