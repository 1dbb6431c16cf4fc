const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/**
 * How long ago something was, in one unit that people read at a glance: `3.2 s`, `48 s`, `4 min`, `7 h`, `2 d`. Cut, not rounded.
 * @param ms less than 0, as clocks of two machines may have it, counts as 0 @unit milliseconds
 */
export function age(ms: number): string {
  const unit = UNITS.find(([, length]) => ms >= length);
  if (unit !== undefined) return `${String(Math.floor(ms / unit[1]))} ${unit[0]}`;
  const tenths = Math.floor(Math.max(0, ms) / 100);
  return `${tenths >= 100 ? String(Math.floor(tenths / 10)) : (tenths / 10).toFixed(1)} s`;
}
