import { execFileSync } from 'node:child_process';

/** Debian's `prometheus` has it. Skips the test where it is not installed. */
export function promtool(context: Mocha.Context): string {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
  } catch {
    process.stderr.write('tests of promtool NOT RUN: apt install prometheus\n');
    context.skip();
  }
  return 'promtool';
}
