import type { ErrorCode } from '../errors.ts';

/** One fault of an expression. */
export interface ExpressionFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix?: string;
  /** Offset in the expression's source of the first character at fault. @unit UTF-16 code units, from 0 */
  readonly start: number;
  /** Offset after the last character at fault. */
  readonly end: number;
}

/** A stretch of an expression's source. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Collects faults, so that all are reported and not the first only. */
export class Faults {
  readonly list: ExpressionFault[] = [];

  add(code: ErrorCode, span: Span, message: string, fix?: string): void {
    const { start, end } = span;
    if (this.list.some((fault) => fault.start === start && fault.end === end && fault.message === message)) return;
    this.list.push({ code, message, start, end, ...(fix === undefined ? {} : { fix }) });
  }
}
