import { LzwCompressor, sharedDictionary } from "./lzw-compressor.ts";
import { lzwMachineFor } from "./lzw-wasm.ts";
import { LzwDecompressor, newExpansions, type Expansions } from "./lzw-decompressor.ts";

let expansions: Expansions | undefined;

/**
 * Compresses in one go; any input, also none, has a compressed form.
 *
 * @param headroom bytes to leave free in front
 */
export function lzwCompress(input: Uint8Array, headroom: number = 0): Uint8Array {
  const compressed = lzwMachineFor(input)?.compress(input, headroom, false);
  if (compressed instanceof Uint8Array) return compressed.slice();
  const compressor = new LzwCompressor(input, sharedDictionary(), headroom);
  compressor.run(Infinity);
  return compressor.take();
}

/**
 * As {@link lzwCompress}, for what is to get shorter.
 *
 * @returns a view that is valid until something else is compressed or decompressed; undefined where the output would not be shorter than
 *   the input, or does not look as if it would
 */
export function lzwShortened(input: Uint8Array, headroom: number): Uint8Array | undefined {
  const view = lzwMachineFor(input)?.compress(input, headroom, true) ?? shortenedByTypeScript(input, headroom);
  return view !== "hopeless" && view.length - headroom < input.length ? view : undefined;
}

function shortenedByTypeScript(input: Uint8Array, headroom: number): Uint8Array | "hopeless" {
  const compressor = new LzwCompressor(input, sharedDictionary(), headroom, true);
  return compressor.run(Infinity) ? compressor.view() : "hopeless";
}

/**
 * Decompresses in one go. Bytes behind the end code are ignored.
 *
 * @param maxBytes of output; memory grows with the actual output, not with the limit
 * @throws DecodeError `too_large`, `bad_lzw` (a code that is not there yet, or no end code)
 */
export function lzwDecompress(input: Uint8Array, maxBytes: number): Uint8Array {
  const decompressed = lzwMachineFor(input)?.decompress(input, maxBytes);
  if (decompressed !== undefined) return decompressed;
  const decompressor = new LzwDecompressor(input, maxBytes, (expansions ??= newExpansions()));
  decompressor.run(Infinity);
  return decompressor.take();
}
