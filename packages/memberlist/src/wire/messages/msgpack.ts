import { DecodeError } from "../errors.ts";

/** How deep maps and arrays may nest. Messages nest once; values of unknown fields are skipped. */
const maxDepth = 16;

/** Objects in one, what nests in it included: a message has under 30, unknown fields may add some, and a packet can have 255 such messages. */
const maxObjects = 256;

/** Objects still to come at each depth: the scratch memory of {@link scanObject}. */
const pending: Float64Array = new Float64Array(maxDepth + 1);

/**
 * Finds the end of the msgpack object at `offset` without decoding it.
 *
 * @returns the offset behind the object; or, when `bytes` ends too early, -n where n is the least number of bytes, counted from
 *   `offset`, that the object can have. n grows from call to call as more of the object is seen, and may be larger than any
 *   limit of the caller's: compare before waiting for so much.
 * @throws DecodeError `malformed` (0xc1, or over 256 objects), `too_deep`
 */
export function scanObject(bytes: Uint8Array, offset: number): number {
  const end = bytes.length;
  let at = offset;
  let depth = 0;
  let objects = 0;
  pending[0] = 1;
  for (;;) {
    while ((pending[depth] as number) === 0) {
      if (depth === 0) return at;
      depth--;
    }
    if (at >= end) return -(at - offset + missingObjects(depth));
    pending[depth] = (pending[depth] as number) - 1;
    const head = bytes[at] as number;
    const headSize = headSizeOf(head);
    if (at + headSize > end) return -(at - offset + headSize + missingObjects(depth));
    const children = childrenOf(bytes, at, head);
    if (children > 0) {
      objects += children;
      if (objects > maxObjects) throw new DecodeError("malformed", `over ${maxObjects} objects in one`);
      if (depth === maxDepth) throw new DecodeError("too_deep", `objects nested over ${maxDepth} deep`);
      pending[++depth] = children;
      at += headSize;
    } else {
      at += headSize + payloadOf(bytes, at, head);
      if (at > end) return -(at - offset + missingObjects(depth));
    }
  }
}

/** Each object that is still to come has a byte at least. */
function missingObjects(depth: number): number {
  let count = 0;
  for (let i = 0; i <= depth; i++) count += pending[i] as number;
  return count;
}

/** The head byte, with the length field or the number that comes right behind it. */
export function headSizeOf(head: number): number {
  // Up to nil, and from the negative integers on.
  if (head <= 0xc0 || head >= 0xe0) return 1;
  switch (head) {
    case 0xc2: // false
    case 0xc3: // true
      return 1;
    case 0xc4: // bin8
    case 0xcc: // uint8
    case 0xd0: // int8
    case 0xd9: // str8
      return 2;
    case 0xc5: // bin16
    case 0xcd: // uint16
    case 0xd1: // int16
    case 0xda: // str16
    case 0xdc: // array16
    case 0xde: // map16
      return 3;
    case 0xc6: // bin32
    case 0xca: // float32
    case 0xce: // uint32
    case 0xd2: // int32
    case 0xdb: // str32
    case 0xdd: // array32
    case 0xdf: // map32
      return 5;
    case 0xcb: // float64
    case 0xcf: // uint64
    case 0xd3: // int64
      return 9;
    case 0xc7: // ext8
      return 3;
    case 0xc8: // ext16
      return 4;
    case 0xc9: // ext32
      return 6;
    case 0xd4: // fixext 1 to 16
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return 2;
    default:
      throw new DecodeError("malformed", "0xc1 is not msgpack");
  }
}

/** How many objects an array or map holds; 0 for other objects. */
export function childrenOf(bytes: Uint8Array, at: number, head: number): number {
  if (head >= 0x80 && head <= 0x8f) return (head & 0x0f) * 2;
  if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
  switch (head) {
    case 0xdc:
      return uint(bytes, at + 1, 2);
    case 0xdd:
      return uint(bytes, at + 1, 4);
    case 0xde:
      return uint(bytes, at + 1, 2) * 2;
    case 0xdf:
      return uint(bytes, at + 1, 4) * 2;
    default:
      return 0;
  }
}

/** How many bytes of a string, byte string or extension come behind the head. */
function payloadOf(bytes: Uint8Array, at: number, head: number): number {
  if (head >= 0xa0 && head <= 0xbf) return head & 0x1f;
  switch (head) {
    case 0xc4:
    case 0xc7:
    case 0xd9:
      return uint(bytes, at + 1, 1);
    case 0xc5:
    case 0xc8:
    case 0xda:
      return uint(bytes, at + 1, 2);
    case 0xc6:
    case 0xc9:
    case 0xdb:
      return uint(bytes, at + 1, 4);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return 1 << (head - 0xd4);
    default:
      return 0;
  }
}

/** Whether a map begins with this byte. */
export function isMap(head: number): boolean {
  return (head >= 0x80 && head <= 0x8f) || head === 0xde || head === 0xdf;
}

/** Whether a str or a bin begins with this byte. */
export function isByteString(head: number): boolean {
  return (head >= 0xa0 && head <= 0xbf) || (head >= 0xc4 && head <= 0xc6) || (head >= 0xd9 && head <= 0xdb);
}

function uint(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] as number);
  return value;
}
