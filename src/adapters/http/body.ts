/** Reads all of a body; undefined when it is more than `size` bytes, of which no more are held. */
export async function readBody(body: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > size) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
