import { expect } from 'chai';
import fc from 'fast-check';
import { compileExpression } from '../../../src/expressions/compile.ts';
import { DYN } from '../../../src/expressions/types.ts';
import { loopIndex, type MatchIndex } from '../../../src/plan/match.ts';
import { Transit } from '../../../src/plan/transit.ts';
import type { CompiledExpression, RouteMessage } from '../../../src/ports/mediator.ts';
import { message } from '../../support/messages.ts';

interface Entry {
  readonly name: number;
  readonly when: CompiledExpression | undefined;
}

/** What every index must find: the answers of the predicates themselves, in order. */
function naive(entries: readonly Entry[], of: RouteMessage): string[] {
  return entries.flatMap(({ name, when }) => {
    try {
      return when === undefined || when.evaluate(of) === true ? [`found ${String(name)}`] : [];
    } catch {
      return [`failed ${String(name)}`];
    }
  });
}

function found(index: MatchIndex<Entry>, of: RouteMessage): string[] {
  const calls: string[] = [];
  index.match(
    of,
    ({ name }) => calls.push(`found ${String(name)}`),
    ({ name }) => calls.push(`failed ${String(name)}`),
  );
  return calls;
}

const field = fc.constantFrom('data.a', 'data.b', 'data.c');
const value = fc.oneof(fc.integer({ min: 0, max: 3 }).map(String), fc.constantFrom("'x'", "'xy'", 'true'));
const clause = fc.oneof(
  fc.tuple(field, fc.constantFrom('==', '!=', '<', '>='), value).map((parts) => parts.join(' ')),
  fc.tuple(field, fc.array(value, { maxLength: 3 })).map(([left, list]) => `${left} in [${list.join(', ')}]`),
  field.map((name) => `${name}.startsWith('x')`),
  field.map((name) => `has(${name})`),
);
const predicate = fc
  .tuple(clause, fc.constantFrom('&&', '||'), clause, fc.boolean())
  .map(([left, operator, right, not]) => `${not ? '!' : ''}(${left} ${operator} ${right})`);
const leaf = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('x', 'xy', 'y', true, null));
const data = fc.record({ a: leaf, b: leaf, c: leaf }, { requiredKeys: [] });

const INDEXES: Record<string, (entries: readonly Entry[]) => MatchIndex<Entry>> = { loop: loopIndex };

for (const [name, make] of Object.entries(INDEXES)) {
  describe(`the match index: ${name}`, () => {
    it('finds what the predicates say, fails where they fail, in order', () => {
      fc.assert(
        fc.property(
          fc.array(fc.option(predicate), { maxLength: 8 }),
          fc.array(data, { maxLength: 5 }),
          (sources, messages) => {
            const entries = sources.flatMap((source, position): Entry[] => {
              if (source === null) return [{ name: position, when: undefined }];
              const { expression } = compileExpression(source, { data: DYN, dataName: 'x.y@1' }, 'predicate');
              return expression === undefined ? [] : [{ name: position, when: expression }];
            });
            const index = make(entries);
            expect(index.entries).to.deep.equal(entries);
            for (const each of messages) {
              const transit = Transit.of(message({ data: each }), { maxDepth: 64 });
              expect(found(index, transit)).to.deep.equal(naive(entries, transit));
            }
          },
        ),
      );
    });
  });
}
