/** How people write durations and sizes, and the numbers they become, once, where configuration is read. */

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const BYTES = {
  B: 1,
  KB: 1_000,
  KiB: 1_024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
} as const;

/** A quantity that people write with its unit. */
export type Unit = 'duration' | 'size';

interface UnitRule {
  /** What editors check while it is typed. */
  readonly pattern: string;
  /** What it becomes. */
  readonly becomes: 'milliseconds' | 'bytes';
  readonly example: string;
  readonly units: string;
  readonly scale: Readonly<Record<string, number>>;
}

export const UNITS: Readonly<Record<Unit, UnitRule>> = {
  duration: unitRule('milliseconds', '30s', MILLISECONDS),
  size: unitRule('bytes', '64KiB', BYTES),
};

function unitRule(becomes: UnitRule['becomes'], example: string, scale: Readonly<Record<string, number>>): UnitRule {
  const names = Object.keys(scale);
  return { pattern: `^[0-9]+(\\.[0-9]+)?(${names.join('|')})$`, becomes, example, units: names.join(', '), scale };
}

/**
 * `30s`, `5m`, `1.5h`, `250ms`, `2d` -> milliseconds; `1MiB`, `64KiB`, `10MB`, `512B` -> bytes. One number and one unit, no
 * space; undefined for anything else, and for what is not a whole number of milliseconds or bytes.
 */
export function parseQuantity(unit: Unit, text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)$/.exec(text);
  const factor = Object.entries(UNITS[unit].scale).find(([name]) => name === match?.[2])?.[1];
  if (match?.[1] === undefined || factor === undefined) return undefined;
  const product = Number(match[1]) * factor;
  const whole = Math.round(product);
  // 1.1s is 1100 ms although 1.1 * 1000 is not 1100 in binary.
  return Number.isSafeInteger(whole) && Math.abs(product - whole) < 1e-6 ? whole : undefined;
}

/** The shortest way to write it: 90_000 -> `90s`, 1_048_576 -> `1MiB`. What `parseQuantity` reads back. */
export function formatQuantity(unit: Unit, amount: number): string {
  const smallest = unit === 'duration' ? 'ms' : 'B';
  if (amount === 0) return unit === 'duration' ? '0s' : '0B';
  let best = { count: amount, name: smallest };
  for (const [name, factor] of Object.entries(UNITS[unit].scale)) {
    const count = amount / factor;
    if (Number.isInteger(count) && count < best.count) best = { count, name };
  }
  return `${String(best.count)}${best.name}`;
}

/** The likely quantity behind a text that is none: `30 sec` -> `30s`, `1mb` -> `1MB`. For a fault's fix. */
export function guessQuantity(unit: Unit, written: unknown): string | undefined {
  const match = /^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*$/.exec(
    typeof written === 'number' ? String(written) : typeof written === 'string' ? written : '',
  );
  if (match?.[1] === undefined) return undefined;
  const word = (match[2] ?? '').toLowerCase();
  const names = Object.keys(UNITS[unit].scale);
  const name = names.find((candidate) => candidate.toLowerCase() === word) ?? ALIASES[unit].get(word.replace(/s$/, ''));
  return name === undefined ? undefined : `${match[1]}${name}`;
}

const ALIASES: Readonly<Record<Unit, ReadonlyMap<string, string>>> = {
  duration: new Map([
    ['', 's'],
    ['milli', 'ms'],
    ['millisecond', 'ms'],
    ['sec', 's'],
    ['second', 's'],
    ['min', 'm'],
    ['minute', 'm'],
    ['hr', 'h'],
    ['hour', 'h'],
    ['day', 'd'],
  ]),
  size: new Map([
    ['', 'B'],
    ['byte', 'B'],
    ['k', 'KiB'],
    ['m', 'MiB'],
    ['g', 'GiB'],
    ['kilobyte', 'KB'],
    ['megabyte', 'MB'],
    ['gigabyte', 'GB'],
  ]),
};
