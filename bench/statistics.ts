/** The value below which the share `q` (0 to 1) of the values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/**
 * Where the true ratio lies with a probability of 95 %, by Student's t over the logarithms, since ratios multiply.
 * @param ratios at least 2, of pairs
 */
export function interval95(ratios: readonly number[]): readonly [low: number, high: number] {
  const logs = ratios.map(Math.log);
  const n = logs.length;
  const mean = logs.reduce((sum, each) => sum + each, 0) / n;
  const variance = logs.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1);
  const half = studentT(n - 1) * Math.sqrt(variance / n);
  return [Math.exp(mean - half), Math.exp(mean + half)];
}

/** The 97.5th percentile of Student's t, by Cornish and Fisher's expansion: within 1 % from 3 degrees of freedom on. */
function studentT(freedom: number): number {
  const z = 1.959964;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + first / freedom + second / freedom ** 2 + third / freedom ** 3;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
