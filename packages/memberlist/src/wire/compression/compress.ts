import { emptyBytes } from "../bytes.ts";
import { DecodeError } from "../errors.ts";
import { locateFields } from "../messages/decode.ts";
import { byteStringHeadSize, encode, putHead } from "../messages/encode.ts";
import { MessageCursor } from "../messages/scan.ts";
import { compressedSchema } from "../messages/schema.ts";
import { lzwCompress, lzwDecompress, lzwShortened } from "./lzw.ts";
import { LzwCompressor, newDictionary } from "./lzw-compressor.ts";
import { LzwDecompressor, newExpansions } from "./lzw-decompressor.ts";
import { lzwMachine } from "./lzw-wasm.ts";
import type { YieldToEventLoop } from "../../ports/clock.ts";

/** The only algorithm of the protocol. */
const algorithmLzw = 0;
/** Type byte and map, up to the compressed bytes: at most. */
const headerMax = 17;
/** The header up to the length of the compressed bytes: a message without any, but for their nil. */
const headerStart: Uint8Array = encode(compressedSchema, { algo: algorithmLzw, buf: emptyBytes }).subarray(0, -1);
const cursor: MessageCursor = new MessageCursor();
/** Bytes that are compressed or decompressed before it yields to the event loop: 1 to 3 ms. */
const doneInOneGo = 128 * 1024;

/** A compress message that holds `message`; it may be the larger of the two. */
export function compressMessage(message: Uint8Array): Uint8Array {
  return withHeader(lzwCompress(message, headerMax));
}

/**
 * As {@link compressMessage}, where that is smaller; undefined where it is not, or does not look as if it would be.
 *
 * @param headroom bytes to leave free in front
 * @returns a view that is valid until something else is compressed or decompressed
 */
export function compressedView(message: Uint8Array, headroom: number = 0): Uint8Array | undefined {
  const compressed = lzwShortened(message, headroom + headerMax);
  if (compressed === undefined) return undefined;
  const view = withHeader(compressed, headroom);
  return view.length < message.length ? view : undefined;
}

/** As {@link compressMessage}, with yields in between where it is long. `message` may not change meanwhile. */
export async function compressInParts(message: Uint8Array, yieldToEventLoop: YieldToEventLoop): Promise<Uint8Array> {
  const atOnce = lzwMachine()?.compress(message, headerMax, false);
  if (atOnce instanceof Uint8Array) return withHeader(atOnce.slice());
  const compressor = new LzwCompressor(message, newDictionary(), headerMax);
  while (!compressor.run(doneInOneGo)) await yieldToEventLoop();
  return withHeader(compressor.take());
}

/**
 * @param compressed behind as much room as the header may take, which it gets
 * @param headroom in front of that
 */
function withHeader(compressed: Uint8Array, headroom: number = 0): Uint8Array {
  const size = compressed.length - headroom - headerMax;
  const start = headroom + headerMax - headerStart.length - byteStringHeadSize(size);
  compressed.set(headerStart, start);
  putHead(compressed, start + headerStart.length, size);
  return compressed.subarray(start);
}

/**
 * The content of a compress message, given without its type byte.
 *
 * @param maxBytes the largest content; checked while it is decompressed
 * @throws DecodeError `unknown_algorithm`, `too_large`, `bad_lzw`, and what the map may bring
 */
export function decompressBody(body: Uint8Array, maxBytes: number): Uint8Array {
  return lzwDecompress(compressedOf(body), maxBytes);
}

/** As {@link decompressBody}, with yields in between where it is long. `body` may not change meanwhile. */
export async function decompressInParts(
  body: Uint8Array,
  maxBytes: number,
  yieldToEventLoop: YieldToEventLoop,
): Promise<Uint8Array> {
  const compressed = compressedOf(body);
  const atOnce = lzwMachine()?.decompress(compressed, maxBytes);
  if (atOnce !== undefined) return atOnce;
  const decompressor = new LzwDecompressor(compressed, maxBytes, newExpansions());
  do {
    await yieldToEventLoop();
    await decompressor.makeRoom(doneInOneGo, yieldToEventLoop);
  } while (!decompressor.run(doneInOneGo));
  return decompressor.take();
}

function compressedOf(body: Uint8Array): Uint8Array {
  const { algo, buf } = compressedSchema.of;
  locateFields(cursor, compressedSchema, body);
  const algorithm = cursor.number(algo);
  if (algorithm !== algorithmLzw) throw new DecodeError("unknown_algorithm", `compressed by unknown algorithm ${algorithm}`);
  return cursor.view(body, buf);
}
