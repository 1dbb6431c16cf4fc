import { type Fault, formatFault } from '../errors.ts';

/** Longest part of a line that is shown. @unit characters */
const WIDEST = 100;

/**
 * A fault as `formatFault` writes it, with the line it is about and a caret under the place:
 *
 *     routes/eu-orders.yaml:3:7  WB_EXPRESSION_FIELD
 *       data.shipTo.contry is not in shop.order.placed@1
 *       did you mean data.shipTo.country?
 *       3 | when: data.shipTo.contry in ['DE', 'FR']
 *         |       ^
 *
 * @param sourceLine the text of `fault.at.line`; without it only the fault is written
 */
export function showFault(fault: Fault, sourceLine: string | undefined): string {
  const text = formatFault(fault);
  const { line, column = 1 } = fault.at ?? {};
  if (line === undefined || sourceLine === undefined) return text;
  // A long line is cut around the place; tabs stay tabs, so that the caret stands under it in any terminal.
  const from = Math.max(0, Math.min(column - 1 - WIDEST / 2, sourceLine.length - WIDEST));
  const cut = sourceLine.slice(from, from + WIDEST);
  const before = cut.slice(0, column - 1 - from).replace(/[^\t]/g, ' ');
  const number = String(line);
  return [text, `  ${number} | ${cut}`, `  ${' '.repeat(number.length)} | ${before}^`].join('\n');
}
