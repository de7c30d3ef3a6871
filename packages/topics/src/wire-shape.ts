/** Lists in lists: a packet, its messages, their fields. */
const maxDepth = 4;
/** The items of all lists. The longest digest, of 8,192 origins and 16,384 retained values, has 106,501. */
const maxItems = 2 ** 17;

/** How many bytes follow the first byte of nil, false, true, float 32 and 64, uint 8 to 64, and int 8 to 64. */
const numberSizes: Readonly<Record<number, number>> = {
  0xc0: 0,
  0xc2: 0,
  0xc3: 0,
  0xca: 4,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
};
/** How many bytes the length has, after the first byte of bin 8 to 32 and str 8 to 32. */
const lengthSizes: Readonly<Record<number, number>> = { 0xc4: 1, 0xc5: 2, 0xc6: 4, 0xd9: 1, 0xda: 2, 0xdb: 4 };
/** The same of array 16 and 32. */
const countSizes: Readonly<Record<number, number>> = { 0xdc: 2, 0xdd: 4 };

/**
 * Whether bytes are one msgpack value, without maps and extensions, in which each list has all items that it announces. The decoder does not check
 * that before it allocates a list, so that a packet of some bytes could take all memory.
 */
export function isWhole(bytes: Uint8Array): boolean {
  /** How many items each open list lacks. */
  const open: number[] = [];
  let items = 0;
  let at = 0;
  do {
    const first = bytes[at++];
    if (first === undefined) return false;
    const isShortList = first >= 0x90 && first <= 0x9f;
    const countSize = isShortList ? 0 : countSizes[first];
    if (countSize === undefined) {
      at = endOfScalar(bytes, first, at);
    } else {
      const count = isShortList ? first & 0x0f : readNumber(bytes, at, countSize);
      at += countSize;
      items += count;
      if (items > maxItems || open.length === maxDepth) return false;
      if (count > 0) {
        open.push(count);
        continue;
      }
    }
    // A list ends with its last item, and may be the last item of another list.
    while (open.length > 0) {
      const lacking = (open.pop() as number) - 1;
      if (lacking > 0) {
        open.push(lacking);
        break;
      }
    }
  } while (open.length > 0);
  return at === bytes.length;
}

/** Where a value that is not a list ends; Infinity for a map or an extension. */
function endOfScalar(bytes: Uint8Array, first: number, at: number): number {
  if (first <= 0x7f || first >= 0xe0) return at;
  if (first >= 0xa0 && first <= 0xbf) return at + (first & 0x1f);
  const lengthSize = lengthSizes[first];
  if (lengthSize !== undefined) return at + lengthSize + readNumber(bytes, at, lengthSize);
  return at + (numberSizes[first] ?? Infinity);
}

/** Zeros follow the last byte. */
function readNumber(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = at; i < at + size; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}
