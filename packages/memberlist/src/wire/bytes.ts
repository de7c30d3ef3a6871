/** The empty byte string. */
export const emptyBytes: Uint8Array = new Uint8Array(0);

/** A copy that shares nothing with `bytes`. Not `bytes.slice()`: a Node `Buffer` answers that with a view. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? emptyBytes : new Uint8Array(bytes);
}

/** The same bytes as a plain `Uint8Array`: a runtime's own kind of array is dearer to take views of, and its `slice()` may share memory. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
