const SPACE = 0x20;
const TILDE = 0x7e;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Bytes that are written one piece after another, into one buffer that grows where it must. */
export class ByteWriter {
  /** Written so far. @unit bytes */
  length = 0;
  #buffer: Buffer;

  /** @param size of what is expected @unit bytes */
  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size);
  }

  bytes(piece: Uint8Array): void {
    this.#makeRoom(piece.length);
    this.#buffer.set(piece, this.length);
    this.length += piece.length;
  }

  /** As UTF-8. */
  text(piece: string): void {
    // A UTF-16 unit takes 3 bytes in UTF-8 at most.
    this.#makeRoom(3 * piece.length);
    this.length += this.#buffer.write(piece, this.length);
  }

  /** What stands between the quotes of a JSON string. What plain JavaScript hands over that is no text is made one. */
  json(value: unknown): void {
    const piece = typeof value === 'string' ? value : String(value);
    this.#makeRoom(piece.length);
    const buffer = this.#buffer;
    let at = this.length;
    // Short, and seldom anything else than ASCII: a loop is done before a call out of JavaScript has begun.
    for (let n = 0; n < piece.length; n++) {
      const unit = piece.charCodeAt(n);
      if (unit < SPACE || unit > TILDE || unit === QUOTE || unit === BACKSLASH) {
        this.text(JSON.stringify(piece).slice(1, -1));
        return;
      }
      buffer[at++] = unit;
    }
    this.length = at;
  }

  /** All of it, which may not be added to any more. */
  written(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  #makeRoom(size: number): void {
    if (this.length + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.length + size));
    larger.set(this.#buffer.subarray(0, this.length));
    this.#buffer = larger;
  }
}
