import { messageType } from "./constants.ts";
import { DecodeError } from "./decode-error.ts";
import { bytesField, readFields, uintField } from "./fields.ts";
import { lzwCompress, lzwDecompress } from "./lzw.ts";
import { sharedWriter } from "./msgpack-writer.ts";

/** The only algorithm there is. */
const algorithmLzw = 0;

/** A compress message that holds `message`; it may be the larger of the two. */
export function compressMessage(message: Uint8Array): Uint8Array {
  const compressed = lzwCompress(message);
  const writer = sharedWriter();
  writer.byte(messageType.compress);
  writer.map(2);
  writer.key("Algo");
  writer.uint(algorithmLzw);
  writer.key("Buf");
  writer.bytes(compressed);
  return writer.take();
}

/**
 * The content of a compress message, given without its type byte.
 *
 * @param maxBytes what the content may have at most; checked while it is decompressed
 * @throws DecodeError `unknown_algorithm`, `too_large`, `bad_lzw`, and what the map may bring
 */
export function decompressBody(body: Uint8Array, maxBytes: number): Uint8Array {
  const fields = readFields(body);
  const algorithm = uintField(fields, "Algo", 0xff);
  if (algorithm !== algorithmLzw) throw new DecodeError("unknown_algorithm", `compressed by unknown algorithm ${algorithm}`);
  return lzwDecompress(bytesField(fields, "Buf"), maxBytes);
}
