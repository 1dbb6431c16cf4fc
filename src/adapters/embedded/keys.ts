/** Keys that sort as their numbers do. */

/** Where a record of waiting messages stands: endpoint, partition, number of its first message. */
export function recordKey(endpoint: number, partition: number, seq: number): Buffer {
  const key = Buffer.allocUnsafe(12);
  key.writeUInt32BE(endpoint, 0);
  key.writeUInt16BE(partition, 4);
  key.writeUIntBE(seq, 6, 6);
  return key;
}

export function seqOf(key: Buffer): number {
  return key.readUIntBE(6, 6);
}

/** Where a message stands that waits for its next attempt. */
export function dueKey(dueMs: number, serial: number): Buffer {
  const key = Buffer.allocUnsafe(12);
  key.writeUIntBE(dueMs, 0, 6);
  key.writeUIntBE(serial, 6, 6);
  return key;
}

export function dueOf(key: Buffer): number {
  return key.readUIntBE(0, 6);
}

export function serialOf(key: Buffer): number {
  return key.readUIntBE(6, 6);
}
