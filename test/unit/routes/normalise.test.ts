import { expect } from 'chai';
import { normaliseRoute } from '../../../src/routes/normalise.ts';
import type { Route } from '../../../src/routes/route-file.ts';

const place = { file: 'routes/a.yaml', path: [1], fallbackName: 'a' };
const written = (more: Partial<Route>): Route => ({ from: 'a.b@1', enabled: true, isolate: false, steps: [], ...more });

describe('a route in one form', () => {
  it('has the place of each of its parts', () => {
    const { route, problems } = normaliseRoute(
      written({
        when: 'true',
        steps: [{ filter: 'x' }, { map: { to: 'b.c@1' } }],
        to: ['oms', { publish: 'b.c@1', when: 'y' }],
      }),
      place,
    );
    expect(problems).to.deep.equal([]);
    expect(route).to.deep.equal({
      name: 'a',
      enabled: true,
      isolate: false,
      from: ['a.b@1'],
      when: 'true',
      steps: [
        { use: 'filter', options: 'x', path: [1, 'steps', 0, 'filter'] },
        { use: 'map', options: { to: 'b.c@1' }, path: [1, 'steps', 1, 'map'] },
      ],
      branches: [
        {
          path: [1],
          to: [
            { target: { service: 'oms' }, path: [1, 'to', 0] },
            { target: { publish: 'b.c@1' }, when: 'y', path: [1, 'to', 1] },
          ],
        },
      ],
      exclusive: false,
      file: 'routes/a.yaml',
      path: [1],
    });
  });

  it('has a branch for each choice, the last without a predicate', () => {
    const { route, problems } = normaliseRoute(
      written({
        name: 'n',
        describe: 'd',
        choose: [{ when: 'x', to: 'oms' }, { otherwise: { service: 'mail' } }],
        onError: 'finance',
      }),
      { ...place, path: [] },
    );
    expect(problems).to.deep.equal([]);
    expect(route).to.deep.include({
      name: 'n',
      describe: 'd',
      exclusive: true,
      branches: [
        { when: 'x', path: ['choose', 0], to: [{ target: { service: 'oms' }, path: ['choose', 0, 'to'] }] },
        { path: ['choose', 1], to: [{ target: { service: 'mail' }, path: ['choose', 1, 'otherwise'] }] },
      ],
      onError: [{ target: { service: 'finance' }, path: ['onError'] }],
    });
  });

  const contradictions: readonly (readonly [
    what: string,
    route: Partial<Route>,
    path: (string | number)[],
    message: string,
  ])[] = [
    ['neither to nor choose', {}, [1], 'does not say where its messages go'],
    ['both to and choose', { to: 'oms', choose: [{ when: 'x', to: 'oms' }] }, [1, 'choose'], 'not both'],
    ['a branch without when', { choose: [{ to: 'oms' }] }, [1, 'choose', 0], 'no `when`'],
    ['a branch without to', { choose: [{ when: 'x' }] }, [1, 'choose', 0], 'no `to`'],
    ['otherwise with a predicate', { choose: [{ when: 'x', otherwise: 'oms' }] }, [1, 'choose', 0], 'stands alone'],
    [
      'otherwise before the end',
      { choose: [{ otherwise: 'oms' }, { when: 'x', to: 'oms' }] },
      [1, 'choose', 0, 'otherwise'],
      'not the last',
    ],
    ['a destination that is none', { to: { when: 'x' } }, [1, 'to'], 'neither `service` nor `publish`'],
    ['a destination that is two', { to: [{ service: 'a', publish: 'a.b@1' }] }, [1, 'to', 0], 'both'],
  ];
  for (const [what, route, path, message] of contradictions) {
    it(`refuses ${what}`, () => {
      const { problems } = normaliseRoute(written(route), place);
      expect(problems).to.have.length(1);
      expect(problems[0]).to.deep.include({ file: 'routes/a.yaml', path, code: 'WB_OPTION_INVALID' });
      expect(problems[0]?.message).to.include(message);
    });
  }
});
