/*
 * GHASH and the xor of AES-GCM in AssemblyScript: src/codec/gcm-machine.ts drives it, and has AES itself from the runtime. Source: NIST SP 800-38D.
 *
 * Four blocks are multiplied by the same power of H at a time. A vector holds byte i of each of the 16 words (of 4 bytes) of the four blocks: lane
 * 4 * word + block. Its nibbles choose, in a register, among the 16 multiples of a byte of the power (swizzle). So no address and no branch depends
 * on a secret, and nor does the time.
 *
 * A product has 256 bits. Those of up to 8 fours of blocks are summed before they are reduced by x^128 + x^7 + x^2 + x + 1. The first bit of a byte
 * is the lowest power of x.
 */

/** Tables of a power: for each of its 4 words, first for the high nibble and then for the low one, the 5 bytes of word times nibble, for all 16. */
const tableSize: usize = 640;
const stepsMax: usize = 8;
/** H, H^2, H^3, H^4, then H^8 to H^32. */
const tableCount: usize = 11;
export const tablesSize: usize = 7040;
/** For each step, 4 vectors of high nibbles and 4 of low ones. */
const nibblesAt: usize = 7040;
const stepSize: usize = 128;
/** For each word of a power, the sums of 8 bytes of products. */
const sumsAt: usize = 8064;
/** Four blocks, in lanes: the sum so far. */
const fourAt: usize = 8576;
const powerAt: usize = 8640;
const factorAt: usize = 8656;
export const hashKeyAt: usize = 8672;
export const nonceAt: usize = 8688;

/** In front of the data is room for this, and for what fills up the first four blocks. */
export const additionalMax: usize = 512;
export const dataMax: usize = 65536;
export const dataAt: usize = 9280;
/** Behind the data is room for the tag or the lengths, and what fills up its last block. */
export const streamAt: usize = 9280 + 65536 + 64;

function zero(): v128 {
  return i64x2.splat(0);
}

/** Multiplies what is at powerAt, bit by bit: done only for a new key. */
function multiply(by: usize): void {
  let high = bswap(load<u64>(by)),
    low = bswap(load<u64>(by, 8));
  const powerHigh = bswap(load<u64>(powerAt)),
    powerLow = bswap(load<u64>(powerAt, 8));
  let sumHigh: u64 = 0,
    sumLow: u64 = 0;
  for (let i: u64 = 0; i < 128; i++) {
    const half = i < 64 ? powerHigh : powerLow;
    const isSet: u64 = 0 - ((half >> (63 - (i & 63))) & 1);
    sumHigh ^= high & isSet;
    sumLow ^= low & isSet;
    const isOver: u64 = 0 - (low & 1);
    low = (low >> 1) | (high << 63);
    high = (high >> 1) ^ (isOver & 0xe100000000000000);
  }
  store<u64>(powerAt, bswap(sumHigh));
  store<u64>(powerAt, bswap(sumLow), 8);
}

/** Writes the tables of what is at powerAt. */
function writeTables(to: usize): void {
  for (let word: usize = 0; word < 4; word++) {
    const bits: u64 = u64(bswap(load<u32>(powerAt + (word << 2)))) << 32;
    for (let isLow: u64 = 0; isLow < 2; isLow++) {
      for (let nibble: u64 = 0; nibble < 16; nibble++) {
        let product: u64 = 0;
        for (let bit: u64 = 0; bit < 4; bit++) product ^= (bits >> (4 * isLow + bit)) & (0 - ((nibble >> (3 - bit)) & 1));
        for (let byte: u64 = 0; byte < 5; byte++) store<u8>(to + usize((byte << 4) + nibble), u8(product >> (56 - 8 * byte)));
      }
      to += 80;
    }
  }
}

/** Makes the tables of the H that is at hashKeyAt, which is wiped. */
export function prepare(): void {
  v128.store(powerAt, v128.load(hashKeyAt));
  v128.store(factorAt, v128.load(hashKeyAt));
  for (let i: usize = 0; i < tableCount; i++) {
    if (i == 4) v128.store(factorAt, v128.load(powerAt));
    if (i > 0) multiply(factorAt);
    writeTables(i * tableSize);
  }
  v128.store(powerAt, zero());
  v128.store(factorAt, zero());
  v128.store(hashKeyAt, zero());
}

/** Writes the counter blocks 1, 2, … of the nonce that is at nonceAt. */
export function writeCounters(to: usize, count: u32): void {
  const nonce = v128.load(nonceAt);
  for (let i: u32 = 1; i <= count; i++) {
    v128.store(to, v128.replace_lane<u32>(nonce, 3, bswap(i)));
    to += 16;
  }
}

function addToFour(i: usize, v: v128): void {
  v128.store(fourAt + 16 * i, v128.xor(v128.load(fourAt + 16 * i), v));
}

/** Adds four blocks to the sum so far. */
function addBlocks(from: usize): void {
  const a = v128.load(from),
    b = v128.load(from, 16),
    c = v128.load(from, 32),
    d = v128.load(from, 48);
  const abLow = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
  const abHigh = v128.shuffle<u8>(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  const cdLow = v128.shuffle<u8>(c, d, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
  const cdHigh = v128.shuffle<u8>(c, d, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  addToFour(0, v128.shuffle<u8>(abLow, cdLow, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29));
  addToFour(1, v128.shuffle<u8>(abLow, cdLow, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31));
  addToFour(2, v128.shuffle<u8>(abHigh, cdHigh, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29));
  addToFour(3, v128.shuffle<u8>(abHigh, cdHigh, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31));
}

function splitOne(i: usize, lanes: v128, to: usize): void {
  const v = v128.and(v128.load(fourAt + 16 * i), lanes);
  const nibble = i8x16.splat(15);
  v128.store(to + 16 * i, v128.and(v128.shr<u16>(v, 4), nibble));
  v128.store(to + 16 * i, v128.and(v, nibble), 64);
}

/** Writes the nibbles of those lanes of the sum so far. */
function split(lanes: v128, to: usize): void {
  splitOne(0, lanes, to);
  splitOne(1, lanes, to);
  splitOne(2, lanes, to);
  splitOne(3, lanes, to);
}

function clearFour(): void {
  for (let i: usize = 0; i < 64; i += 16) v128.store(fourAt + i, zero());
}

function times(table: v128, nibbles: v128, sum: v128): v128 {
  return v128.xor(sum, v128.swizzle(table, nibbles));
}

/** Sums the products of the nibbles of each step with a power: the first with the one whose tables are given, the next with the one before. */
function addProducts(steps: usize, table: usize): void {
  const end = nibblesAt + steps * stepSize;
  for (let word: usize = 0; word < 4; word++) {
    let s0 = zero(),
      s1 = zero(),
      s2 = zero(),
      s3 = zero(),
      s4 = zero(),
      s5 = zero(),
      s6 = zero(),
      s7 = zero();
    let nibbles = nibblesAt,
      power = table;
    do {
      for (let half: usize = 0; half < 2; half++) {
        const a = v128.load(nibbles),
          b = v128.load(nibbles, 16),
          c = v128.load(nibbles, 32),
          d = v128.load(nibbles, 48);
        let t = v128.load(power);
        s0 = times(t, a, s0);
        s1 = times(t, b, s1);
        s2 = times(t, c, s2);
        s3 = times(t, d, s3);
        t = v128.load(power, 16);
        s1 = times(t, a, s1);
        s2 = times(t, b, s2);
        s3 = times(t, c, s3);
        s4 = times(t, d, s4);
        t = v128.load(power, 32);
        s2 = times(t, a, s2);
        s3 = times(t, b, s3);
        s4 = times(t, c, s4);
        s5 = times(t, d, s5);
        t = v128.load(power, 48);
        s3 = times(t, a, s3);
        s4 = times(t, b, s4);
        s5 = times(t, c, s5);
        s6 = times(t, d, s6);
        t = v128.load(power, 64);
        s4 = times(t, a, s4);
        s5 = times(t, b, s5);
        s6 = times(t, c, s6);
        s7 = times(t, d, s7);
        power += 80;
        nibbles += 64;
      }
      power -= 160 + tableSize;
    } while (nibbles < end);
    const to = sumsAt + (word << 7);
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
    v128.store(to, s4, 64);
    v128.store(to, s5, 80);
    v128.store(to, s6, 96);
    v128.store(to, s7, 112);
    table += 160;
  }
}

/** Moves words to the next places, up or down. */
function up1(v: v128): v128 {
  return v128.shuffle<u8>(zero(), v, 0, 1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27);
}
function up2(v: v128): v128 {
  return v128.shuffle<u8>(zero(), v, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}
function up3(v: v128): v128 {
  return v128.shuffle<u8>(zero(), v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19);
}
function down1(v: v128): v128 {
  return v128.shuffle<u8>(v, zero(), 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19);
}
function down2(v: v128): v128 {
  return v128.shuffle<u8>(v, zero(), 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}
function down3(v: v128): v128 {
  return v128.shuffle<u8>(v, zero(), 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27);
}

/** Byte i of the products by a word. */
function sum(word: usize, i: usize): v128 {
  return v128.load(sumsAt + (word << 7) + (i << 4));
}
/** Byte i of words 0 to 3, and of words 4 to 6, of the whole products. */
function lowWords(i: usize): v128 {
  return v128.xor(v128.xor(sum(0, i), up1(sum(1, i))), v128.xor(up2(sum(2, i)), up3(sum(3, i))));
}
function highWords(i: usize): v128 {
  return v128.xor(down3(sum(1, i)), v128.xor(down2(sum(2, i)), down1(sum(3, i))));
}

/** A byte times 1 + x + x^2 + x^7: its first and its second byte. */
function first(v: v128): v128 {
  return v128.xor(v128.xor(v, v128.shr<u8>(v, 1)), v128.xor(v128.shr<u8>(v, 2), v128.shr<u8>(v, 7)));
}
function second(v: v128): v128 {
  return v128.xor(v128.xor(v128.shl<i8>(v, 7), v128.shl<i8>(v, 6)), v128.shl<i8>(v, 1));
}

/** The sums of products, reduced, are the sum so far. */
function reduce(): void {
  const low4 = lowWords(4),
    low5 = lowWords(5),
    low6 = lowWords(6),
    low7 = lowWords(7);
  const over0 = v128.xor(v128.xor(highWords(0), up1(highWords(4))), down3(low4));
  const over1 = v128.xor(v128.xor(highWords(1), up1(highWords(5))), down3(low5));
  const over2 = v128.xor(v128.xor(highWords(2), up1(highWords(6))), down3(low6));
  const over3 = v128.xor(v128.xor(highWords(3), up1(highWords(7))), down3(low7));
  const last = second(over3);
  /** What is over once more: fewer than 8 bits. */
  const again = down3(last);
  v128.store(fourAt, v128.xor(v128.xor(lowWords(0), up1(low4)), v128.xor(v128.xor(first(over0), up1(last)), first(again))));
  v128.store(
    fourAt,
    v128.xor(v128.xor(lowWords(1), up1(low5)), v128.xor(v128.xor(first(over1), second(over0)), second(again))),
    16,
  );
  v128.store(fourAt, v128.xor(v128.xor(lowWords(2), up1(low6)), v128.xor(first(over2), second(over1))), 32);
  v128.store(fourAt, v128.xor(v128.xor(lowWords(3), up1(low7)), v128.xor(first(over3), second(over2))), 48);
}

/** Adds the four lanes of each word up. */
function across(i: usize): v128 {
  let v = v128.load(fourAt + (i << 4));
  v = v128.xor(v, v128.shr<u32>(v, 16));
  return v128.and(v128.xor(v, v128.shr<u32>(v, 8)), i32x4.splat(0xff));
}

/** GHASH of whole blocks, a multiple of four. */
function ghash(from: usize, end: usize): v128 {
  clearFour();
  const lastFour = end - 64;
  while (from < lastFour) {
    const steps = min((lastFour - from) >> 6, stepsMax);
    for (let step: usize = 0; step < steps; step++) {
      addBlocks(from);
      split(i8x16.splat(-1), nibblesAt + step * stepSize);
      clearFour();
      from += 64;
    }
    addProducts(steps, (steps + 2) * tableSize);
    reduce();
  }
  addBlocks(lastFour);
  // The four blocks are multiplied by H^4, H^3, H^2 and H.
  for (let block: i32 = 0; block < 4; block++) split(i32x4.splat(0xff << (8 * block)), nibblesAt + usize(block) * stepSize);
  addProducts(4, 3 * tableSize);
  reduce();
  return v128.or(
    v128.or(across(0), v128.shl<i32>(across(1), 8)),
    v128.or(v128.shl<i32>(across(2), 16), v128.shl<i32>(across(3), 24)),
  );
}

/** The tag: of the additional data, which ends at the next whole block in front of the data, of the ciphertext, and of their lengths. What is behind them is lost. */
function tagOf(additional: usize, length: usize): v128 {
  const padded = (additional + 15) & ~15;
  const end = dataAt + ((length + 15) & ~15) + 16;
  v128.store(dataAt + length, zero());
  store<u64>(end - 16, bswap(u64(additional) << 3));
  store<u64>(end - 16, bswap(u64(length) << 3), 8);
  const start = dataAt - padded;
  for (let i: usize = 16; i <= 48; i += 16) v128.store(start - i, zero());
  return v128.xor(ghash(end - ((end - start + 63) & ~63), end), v128.load(streamAt));
}

/** Xors the data with the key stream, which is wiped. */
function apply(length: usize): void {
  for (let i: usize = 0; i < length; i += 16) {
    v128.store(dataAt + i, v128.xor(v128.load(dataAt + i), v128.load(streamAt + 16 + i)));
    v128.store(streamAt + 16 + i, zero());
  }
}

/** Encrypts the data with the key stream: a block for the tag, then what the data is xored with. The tag is written behind. */
export function seal(additional: usize, length: usize): void {
  apply(length);
  const tag = tagOf(additional, length);
  v128.store(streamAt, zero());
  v128.store(dataAt + length, tag);
}

/** Decrypts the data, with its tag behind it, if the tag is right; else it stays ciphertext. */
export function open(additional: usize, length: usize): bool {
  const tag = v128.load(dataAt + length);
  const isRight = !v128.any_true(v128.xor(tag, tagOf(additional, length)));
  if (isRight) apply(length);
  else memory.fill(streamAt, 0, 16 + length);
  v128.store(streamAt, zero());
  return isRight;
}
