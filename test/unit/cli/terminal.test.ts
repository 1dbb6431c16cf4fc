import { expect } from 'chai';
import { count, type Output, Terminal, table } from '../../../src/cli/terminal.ts';
import { parseJson } from '../../../src/index.ts';

/** A stream that remembers, as a terminal or as a file. */
class Remembered implements Output {
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }

  hasColors(): boolean {
    return true;
  }

  on(): void {
    // Never fails.
  }
}

function terminalOf(json: boolean, isTTY: boolean): { terminal: Terminal; stdout: Remembered; stderr: Remembered } {
  const [stdout, stderr] = [new Remembered(isTTY), new Remembered(isTTY)];
  return { terminal: new Terminal({ json, stdout, stderr }), stdout, stderr };
}

describe('what a command says', () => {
  it('shows machines a number that JavaScript cannot hold as the number it is', () => {
    const { terminal, stdout } = terminalOf(true, false);
    terminal.data({ id: parseJson('123456789012345678901'), n: 1 });
    expect(stdout.text).to.equal('{"id":123456789012345678901,"n":1}\n');
  });

  it('is text for people, or JSON alone for machines', () => {
    const people = terminalOf(false, false);
    const machines = terminalOf(true, false);
    for (const { terminal } of [people, machines]) {
      terminal.print('three');
      terminal.data({ n: 3 });
      terminal.note('by the way');
    }
    expect(people.stdout.text).to.equal('three\n');
    expect(machines.stdout.text).to.equal('{"n":3}\n');
    expect(people.stderr.text).to.equal('by the way\n');
    expect(machines.stderr.text).to.equal('by the way\n');
  });

  it('hints at what to do next on a terminal only', () => {
    const hinted = [terminalOf(false, true), terminalOf(false, false), terminalOf(true, true)].map(
      ({ terminal, stderr }) => {
        terminal.hint('do that');
        return stderr.text;
      },
    );
    expect(hinted).to.deep.equal(['do that\n', '', '']);
  });

  it('has colours on a terminal only', () => {
    expect(terminalOf(false, false).terminal.style('red', 'x')).to.equal('x');
    expect(terminalOf(false, true).terminal.style('red', 'x')).to.contain('\u001b[31m');
  });

  it('tells how far work is: on a terminal in one line, elsewhere in a line now and then', () => {
    const clock = { now: 0, elapsed: () => clock.now };
    const shown = { terminal: terminalOf(false, true), file: terminalOf(false, false) };
    const [first, second] = [shown.terminal.terminal.progress(clock), shown.file.terminal.progress(clock)];
    for (clock.now = 0; clock.now <= 10_000; clock.now += 100) {
      first.at(() => `at ${String(clock.now)}`);
      second.at(() => `at ${String(clock.now)}`);
    }
    first.end();
    second.end();
    expect(shown.file.stderr.text).to.equal('at 5000\nat 10000\n');
    expect(shown.terminal.stderr.text).to.contain('\r\u001b[Kat 200\r\u001b[Kat 400');
    expect(shown.terminal.stderr.text.endsWith('\r\u001b[K')).to.equal(true);
    expect(shown.terminal.stderr.text).not.to.contain('\n');
  });

  it('counts in words and lines columns up', () => {
    expect([count(1, 'message'), count(12_000, 'message')]).to.deep.equal(['1 message', '12,000 messages']);
    expect(
      table(
        ['name', 'waiting'],
        [
          ['oms', 3],
          ['billing', 12_000],
        ],
      ),
    ).to.equal('name     waiting\noms            3\nbilling    12000');
  });
});
