import { randomBytes } from "../../ports/web-crypto.ts";
import { scanObject } from "./msgpack-scan.ts";
import { decodePushPullHeader, type YieldToEventLoop } from "./push-pull.ts";

/** Nodes that are entered in one go: some 0.5 ms, several times that while the code is cold. Then comes a breath. */
const enteredInOneGo = 2_000;
/** Places that are looked at for a node, from where it should be: a peer may make up members that all belong into one place. */
const placesMax = 16;
/** What a node has, about, in bytes. To compare many more than that costs more than to go over it. */
const usualBytes = 128;
const hashMultiplier = 0x9e3779b1;
/** Of this process's hash, drawn when it is needed first; 0 until then. */
let secret = 0;

const mapHead = 0x87;
const nil = 0xc0;
/** How long each key is, with its head. */
const [addrKey, incarnationKey, metaKey, nameKey, portKey, stateKey, vsnKey] = [5, 12, 5, 5, 5, 6, 4] as const;

/** What {@link walk} has found about a node: where it ends, 0 where it is none; where the byte of its state is and where its versions begin. */
let end = 0;
let stateAt = 0;
let vsnAt = 0;

/**
 * The nodes of a push/pull message that we have written and that are alive, to be found by their bytes. In a settled cluster a peer's state has the same
 * nodes in another order: what says byte for byte what we have just said is no news.
 */
export class UnchangedNodes {
  readonly #message: Uint8Array;
  readonly #view: DataView;
  /** Open addressing: where in the message each node is; 0 is none. */
  readonly #places: Int32Array;
  readonly #shift: number;
  /** How many {@link skip} has gone over. */
  skipped = 0;
  /** What it has cost, in nodes of usual length: a peer may make up members with long names that differ at their ends. */
  work = 0;

  private constructor(message: Uint8Array, count: number) {
    const bits = 33 - Math.clz32(count);
    this.#message = message;
    this.#view = viewOf(message);
    this.#places = new Int32Array(1 << bits);
    this.#shift = 32 - bits;
    if (secret === 0) secret = wordAt(randomBytes(4), 0);
  }

  /** @param message ours, which may not change; with a breath after each so many nodes */
  static async of(message: Uint8Array, yieldToEventLoop: YieldToEventLoop | undefined): Promise<UnchangedNodes> {
    const from = scanObject(message, 1);
    const { nodes: count } = decodePushPullHeader(message.subarray(1, from));
    const known = new UnchangedNodes(message, count);
    let at = from;
    for (let left = count; left > 0; left -= enteredInOneGo) {
      if (left < count) await yieldToEventLoop?.();
      at = known.#enter(at, Math.min(left, enteredInOneGo));
    }
    return known;
  }

  /**
   * Goes over nodes that are known, from `start` on.
   *
   * @returns where it has got to: no further than `max` nodes, nor than to the one with which {@link work} reaches `workMax`
   */
  skip(bytes: Uint8Array, start: number, stop: number, max: number, workMax: number = Infinity): number {
    const places = this.#places;
    const mask = places.length - 1;
    const theirs = viewOf(bytes);
    const most = Math.min(max, workMax);
    let compared = 0;
    let at = start;
    for (this.skipped = 0; this.skipped < most && compared < workMax * usualBytes; this.skipped++) {
      const place = walk(bytes, at, stop) >>> this.#shift;
      if (end === 0) break;
      const size = end - at;
      let same = 0;
      for (let looked = 0; looked < placesMax && same < size; looked++) {
        const known = places[(place + looked) & mask] as number;
        if (known === 0) break;
        same = sameBytes(theirs, at, this.#view, known, size);
        compared += same;
      }
      if (same < size) break;
      at = end;
    }
    this.work = Math.max(this.skipped, Math.floor(compared / usualBytes));
    return at;
  }

  #enter(start: number, count: number): number {
    const message = this.#message;
    const places = this.#places;
    const mask = places.length - 1;
    let at = start;
    for (let i = 0; i < count; i++) {
      const from = at;
      const place = walk(message, from, message.length) >>> this.#shift;
      if (end === 0) return at;
      at = end;
      // Who is not alive, or has no versions, is told of by claims that are always looked at.
      if (message[stateAt] !== 0 || end === vsnAt || message[vsnAt] === 0) continue;
      for (let looked = 0; looked < placesMax; looked++) {
        const slot = (place + looked) & mask;
        if (places[slot] !== 0) continue;
        places[slot] = from;
        break;
      }
    }
    return at;
  }
}

/**
 * Finds the end of a node that is written as we write it, and looks at no more than what says how long its parts are: whether the rest is right shows
 * when it is compared.
 *
 * @returns a hash of address and port
 */
function walk(bytes: Uint8Array, start: number, stop: number): number {
  end = 0;
  if (bytes[start] !== mapHead) return 0;
  let at = behindString(bytes, start + 1 + addrKey);
  // The last four bytes of the address, or what else stands there.
  const addr = wordAt(bytes, at - 4);
  at = behindUint(bytes, at + incarnationKey);
  at = behindString(bytes, at + metaKey);
  at = behindString(bytes, at + nameKey);
  at = behindUint(bytes, at + portKey);
  const port = ((bytes[at - 2] as number) << 8) | (bytes[at - 1] as number);
  stateAt = at + stateKey;
  vsnAt = stateAt + 1 + vsnKey + 1;
  at = behindString(bytes, vsnAt - 1);
  if (at <= stop) end = at;
  // Of the product, the upper bits are what all bits of the factors are in. Without the secret a peer could make up members that all belong into one place.
  return Math.imul(addr ^ port ^ secret, hashMultiplier);
}

/**
 * Four bytes at a time: most of the work, and it is done in a process that has not done it for minutes, and has not compiled it.
 *
 * @returns how many are the same, about, and `size` only where all are
 */
function sameBytes(a: DataView, aAt: number, b: DataView, bAt: number, size: number): number {
  if (bAt + size > b.byteLength) return 0;
  // A node has many more than four bytes: the last word may have some of the one before it.
  const last = size - 4;
  for (let i = 0; i < last; i += 4) if (a.getInt32(aAt + i) !== b.getInt32(bAt + i)) return i;
  return a.getInt32(aAt + last) === b.getInt32(bAt + last) ? size : last;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function behindString(bytes: Uint8Array, at: number): number {
  const head = bytes[at] as number;
  if (head === nil) return at + 1;
  return head === 0xda ? at + 3 + (((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)) : at + 1 + (head & 0x1f);
}

function behindUint(bytes: Uint8Array, at: number): number {
  const head = bytes[at] as number;
  return head < 0x80 ? at + 1 : at + 2 + (head === 0xcd ? 1 : head === 0xce ? 3 : 0);
}

function wordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}
