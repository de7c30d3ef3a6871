/** What Node's `Buffer` is to a transport: a view into a pool, whose `slice()` does not copy. On every runtime. */
class PooledBytes extends Uint8Array<ArrayBuffer> {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end);
  }
}

/** The same bytes in the middle of a larger buffer. */
export function pooled(bytes: Uint8Array): Uint8Array {
  const pool = new PooledBytes(new ArrayBuffer(bytes.length + 128)).fill(0xee);
  pool.set(bytes, 64);
  return pool.subarray(64, 64 + bytes.length);
}

/** Whether it behaves as a Uint8Array does. */
export function isPlain(bytes: Uint8Array): boolean {
  return bytes instanceof Uint8Array && bytes.slice().buffer !== bytes.buffer;
}
