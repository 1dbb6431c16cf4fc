import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const clockOnly = 'Take a Clock (src/ports/clock.ts), so that tests control time and chance.';

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', '.waybill*/', '**/*.d.ts']),
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ['./tsconfig.json', './examples/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    // A fault is mended, not switched off.
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      // Empty here on purpose: `waybill types` adds to it.
      '@typescript-eslint/no-empty-object-type': ['error', { allowWithName: '^(Message|Reply)Types$' }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals: enums are not erasable.' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    // Rule 8 of the layout: time and chance only behind the clock. `setImmediate` is a turn of the event loop, not time.
    files: ['src/**/*.ts'],
    ignores: ['src/ports/clock.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'].map((name) => ({ name, message: clockOnly })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: clockOnly },
        { object: 'Math', property: 'random', message: clockOnly },
        { object: 'performance', property: 'now', message: clockOnly },
        { object: 'process', property: 'hrtime', message: clockOnly },
        { object: 'AbortSignal', property: 'timeout', message: clockOnly },
        ...['setTimeout', 'setInterval'].map((property) => ({ object: 'globalThis', property, message: clockOnly })),
      ],
      'no-restricted-imports': [
        'error',
        ...['timers', 'node:timers', 'timers/promises', 'node:timers/promises', 'perf_hooks', 'node:perf_hooks'].map(
          (name) => ({ name, message: clockOnly }),
        ),
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals: enums are not erasable.' },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: clockOnly },
        { selector: "CallExpression[callee.name='Date']", message: clockOnly },
      ],
      'no-console': 'error',
    },
  },
  {
    // chai's assertions are expressions: expect(x).to.be.true
    files: ['test/**/*.ts', 'examples/**/*.test.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off' },
  },
  { files: ['*.js', '.*.js'], extends: [js.configs.recommended], linterOptions: { noInlineConfig: true } },
);
