/**
 * Who may import whom. The layers, from the floor up; a layer may import itself and what its row names.
 * `pure` layers do no I/O: files, sockets and time are handed to them.
 *
 * Types count as much as values: a type-only import couples two files all the same.
 */
const FLOOR = '^src/(message|errors|json|nearest|bytes|by-type)\\.ts$';
const PORTS = '^src/ports/';
/** What a bus is, as plain JSON: shapes only, so whoever reads a definition may import it. */
const DEFINITION = '^src/config/definition\\.ts$';
/** How people write durations: text in, a number out. */
const UNITS = '^src/config/units\\.ts$';
const folder = (name) => `^src/${name}/`;
const npm = (names) => `(^|/)node_modules/(${names.join('|')})/`;

/** Core modules that touch neither files, sockets, time nor other processes. */
const PURE_CORE = '^(node:)?(assert|buffer|crypto|path|string_decoder|url|util)$';

const layers = [
  { name: 'floor', from: FLOOR, may: [], packages: ['lossless-json'], pure: true },
  { name: 'ports', from: PORTS, may: [FLOOR], packages: [], core: true },
  {
    name: 'expressions',
    from: folder('expressions'),
    may: [FLOOR],
    packages: ['@marcbachmann/cel-js', 're2js'],
    pure: true,
  },
  {
    name: 'contracts',
    from: folder('contracts'),
    may: [FLOOR, PORTS, DEFINITION, folder('expressions')],
    packages: ['ajv', 'ajv-formats', 'csv-parse', 'typebox'],
    pure: true,
  },
  {
    name: 'routes',
    from: folder('routes'),
    may: [FLOOR, PORTS, DEFINITION, folder('expressions'), folder('contracts')],
    packages: ['typebox', 'yaml', 'ajv'],
    pure: true,
  },
  { name: 'mediators', from: folder('mediators'), may: [FLOOR, PORTS, UNITS], packages: ['typebox'], pure: true },
  {
    name: 'plan',
    from: folder('plan'),
    may: [FLOOR, PORTS, DEFINITION, ...['contracts', 'expressions', 'mediators', 'routes'].map(folder)],
    packages: ['croner', 'typebox'],
    pure: true,
  },
  {
    name: 'config',
    from: folder('config'),
    may: [FLOOR, PORTS, ...['contracts', 'expressions', 'mediators', 'routes', 'plan'].map(folder)],
    packages: ['ajv', 'ajv-formats', 'chokidar', 'tsx', 'typebox', 'yaml'],
    core: true,
  },
  {
    name: 'runtime',
    from: folder('runtime'),
    may: [FLOOR, PORTS, DEFINITION, ...['contracts', 'plan'].map(folder)],
    packages: [],
    core: true,
  },
  {
    name: 'client',
    from: folder('client'),
    may: [FLOOR, PORTS, DEFINITION, UNITS, ...['contracts', 'plan', 'runtime'].map(folder)],
    packages: [],
    core: true,
  },
  {
    name: 'observability',
    from: folder('observability'),
    may: [FLOOR, PORTS],
    packages: ['pino', 'pino-pretty', '@opentelemetry/[^/]+'],
    core: true,
  },
  { name: 'adapters', from: '^src/adapters/([^/]+)/', may: [FLOOR, PORTS, '^src/adapters/$1/'], own: true, core: true },
];

/** For each layer: what it may import, of ours, of packages, of Node. */
const layerRules = layers.flatMap(({ name, from, may, own, packages, pure }) => [
  {
    name: `${name}-imports`,
    severity: 'error',
    comment: `src/${name} imports only what its row of .dependency-cruiser.js names.`,
    from: { path: from },
    to: { path: '^src/', pathNot: own ? may : [from, ...may] },
  },
  ...(packages === undefined
    ? []
    : [
        {
          name: `${name}-packages`,
          severity: 'error',
          comment: `src/${name} uses only the packages that its row names.`,
          from: { path: from },
          to: { path: 'node_modules/', pathNot: packages.length === 0 ? [] : [npm(packages)] },
        },
      ]),
  ...(pure
    ? [
        {
          name: `${name}-no-io`,
          severity: 'error',
          comment: 'Does no I/O: files, sockets and time are handed to it.',
          from: { path: from },
          to: { dependencyTypes: ['core'], pathNot: [PURE_CORE] },
        },
      ]
    : []),
]);

/** Packages with one home. */
const homes = [
  ['amqplib', '^src/adapters/rabbitmq/'],
  ['lmdb', '^src/adapters/embedded/'],
  ['pg', '^src/adapters/postgres/'],
  ['@opentelemetry/[^/]+', '^src/observability/'],
].map(([name, home]) => ({
  name: `${name.replace(/\W.*$/, '') || 'opentelemetry'}-home`,
  severity: 'error',
  comment: `${name} is used in ${home} alone.`,
  // The bench measures bare LMDB and bare amqplib beside the bus.
  from: { path: '^(src|demo|examples|bench|scripts)/', pathNot: [home, '^bench/(bare|rabbitmq/raw)\\.ts$'] },
  to: { path: npm([name, `@types/${name}`]) },
}));

export default {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'No cycles, type-only imports included.',
      from: {},
      to: { circular: true },
    },
    ...layerRules,
    {
      name: 'only-bus-picks-adapters',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/bus\\.ts$', '^src/adapters/'] },
      to: { path: '^src/adapters/' },
    },
    {
      name: 'doors-only',
      severity: 'error',
      comment: 'The CLI, the demo and the examples use the doors of the package, like any user.',
      from: { path: '^(src/cli|demo|examples)/' },
      to: { path: '^src/', pathNot: ['^src/(index|plugin|testing|telemetry)\\.ts$', '^src/cli/'] },
    },
    {
      name: 'demo-not-cli',
      severity: 'error',
      from: { path: '^(demo|examples)/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'nobody-imports-the-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    ...homes,
    {
      name: 'product-imports-product',
      severity: 'error',
      comment: 'What is published imports nothing of what is not.',
      from: { path: '^src/' },
      to: { path: '^(test|bench|demo|examples|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only', 'npm', 'npm-peer'],
        pathNot: 'node_modules/@types/',
      },
    },
    {
      name: 'expectations-share-nothing',
      severity: 'error',
      comment: 'The demo recomputes its totals from the CSV by code that shares nothing with the bus.',
      from: { path: '^demo/expect\\.ts$' },
      to: { path: '^(src|demo)/' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
    skipAnalysisNotInRules: true,
  },
};
