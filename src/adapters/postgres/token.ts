/** Which record: who made it, and as its how manieth. */
export class Token {
  readonly scope: string;
  readonly id: Buffer;
  /** Undefined when it belongs to nobody any more. */
  readonly writer: number | undefined;
  readonly seq: number;

  constructor(scope: string, id: Buffer, writer: number | undefined, seq: number) {
    this.scope = scope;
    this.id = id;
    this.writer = writer;
    this.seq = seq;
  }
}
