import { randomBytes } from "../../ports/crypto.ts";
import { scanObject } from "./msgpack.ts";
import { pushNodeSchema } from "./schema.ts";
import { decodePushPullHeader } from "./push-pull.ts";
import type { YieldToEventLoop } from "../../ports/clock.ts";

/** Nodes that are entered before it yields to the event loop: some 0.5 ms, several times that while the code is cold. */
const enteredInOneGo = 2_000;
/** Places that are searched for a node, from its hash on: a peer may make up members that all have one hash. */
const placesMax = 16;
/** The usual length of a node, in bytes. Comparing many more than that costs more than going over the node. */
const usualBytes = 128;
const [firstMultiplier, secondMultiplier] = [0x9e3779b1, 0x85ebca6b] as const;

const { addr, incarnation, meta, name, port, state, vsn } = pushNodeSchema.of;

/**
 * The nodes of a push/pull message that we have written and that are alive, to be found by their bytes. In a settled cluster a peer's state has the same
 * nodes in another order, and nodes that are byte for byte the same change nothing.
 */
export class UnchangedNodes {
  readonly #message: Uint8Array;
  readonly #view: DataView;
  /** Open addressing: where in the message each node is; 0 is none. */
  readonly #places: Int32Array;
  readonly #shift: number;
  /** Of the hash. Without it a peer could make up members that all get one place. */
  readonly #secret: number;
  /** How many nodes {@link skip} has skipped. */
  skipped = 0;
  /** What that has cost, in nodes of usual length: a peer may make up members with long names that differ at their ends. */
  work = 0;
  readonly #found: Outline = { end: 0, stateAt: 0, vsnAt: 0 };

  private constructor(message: Uint8Array, count: number) {
    const bits = 33 - Math.clz32(count);
    this.#message = message;
    this.#view = viewOf(message);
    this.#places = new Int32Array(1 << bits);
    // 32 - bits
    this.#shift = Math.clz32(count) - 1;
    this.#secret = wordAt(randomBytes(4), 0);
  }

  /** @param message ours, which may not change; yields to the event loop while it is indexed */
  static async of(message: Uint8Array, yieldToEventLoop: YieldToEventLoop | undefined): Promise<UnchangedNodes> {
    const from = scanObject(message, 1);
    const { nodes: count } = decodePushPullHeader(message.subarray(1, from));
    const unchanged = new UnchangedNodes(message, count);
    let at = from;
    for (let left = count; left > 0; left -= enteredInOneGo) {
      if (left < count) await yieldToEventLoop?.();
      at = unchanged.#enter(at, Math.min(left, enteredInOneGo));
    }
    return unchanged;
  }

  /**
   * Skips nodes that stand in our message, too, from `start` on.
   *
   * @returns where it has got to: no further than `max` nodes, nor than to the one with which {@link work} reaches `workMax`
   */
  skip(bytes: Uint8Array, start: number, stop: number, max: number, workMax: number = Infinity): number {
    const found = this.#found;
    const places = this.#places;
    const secret = this.#secret;
    const shift = this.#shift;
    const mask = places.length - 1;
    const theirs = viewOf(bytes);
    const most = Math.min(max, workMax);
    let compared = 0;
    let at = start;
    for (this.skipped = 0; this.skipped < most && compared < workMax * usualBytes; this.skipped++) {
      const place = hashOf(outline(bytes, at, stop, found), secret) >>> shift;
      const { end } = found;
      if (end === 0) break;
      const size = end - at;
      let same = 0;
      for (let looked = 0; looked < placesMax && same < size; looked++) {
        const ours = places[(place + looked) & mask] as number;
        if (ours === 0) break;
        same = sameBytes(theirs, at, this.#view, ours, size);
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
    const found = this.#found;
    const places = this.#places;
    const secret = this.#secret;
    const shift = this.#shift;
    const mask = places.length - 1;
    let at = start;
    for (let i = 0; i < count; i++) {
      const from = at;
      const place = hashOf(outline(message, from, message.length, found), secret) >>> shift;
      at = found.end;
      // Nodes that are not alive, or have no versions, are always merged.
      if (message[found.stateAt] !== 0 || at === found.vsnAt || message[found.vsnAt] === 0) continue;
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

/** A node found in the form that this library writes. */
interface Outline {
  /** The end of the node's bytes; 0 for a node in another form. */
  end: number;
  /** Where the byte of its state is, and where its versions begin. */
  stateAt: number;
  vsnAt: number;
}

/**
 * Goes over a node, and looks at no more than the lengths of its parts: comparing it with ours shows whether the rest is right.
 *
 * @returns a word of address and port
 */
function outline(bytes: Uint8Array, start: number, stop: number, into: Outline): number {
  into.end = 0;
  let at = behindString(bytes, start + 1 + addr.keySize);
  // The last four bytes of the address, or what else stands there.
  const host = wordAt(bytes, at - 4);
  at = behindUint(bytes, at + incarnation.keySize);
  at = behindString(bytes, at + meta.keySize);
  at = behindString(bytes, at + name.keySize);
  at = behindUint(bytes, at + port.keySize);
  const portNumber = ((bytes[at - 2] as number) << 8) | (bytes[at - 1] as number);
  into.stateAt = at + state.keySize;
  into.vsnAt = into.stateAt + 1 + vsn.keySize + 1;
  at = behindString(bytes, into.vsnAt - 1);
  if (at <= stop) into.end = at;
  return host ^ portNumber;
}

/** The upper bits of a product depend on all bits of its factors; the second one spreads addresses that were chosen for the first. */
function hashOf(address: number, secret: number): number {
  const product = Math.imul(address ^ secret, firstMultiplier);
  return Math.imul(product ^ (product >>> 15), secondMultiplier);
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
  // Nil, 0xc0, ends in five zeros like the head of an empty string.
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
