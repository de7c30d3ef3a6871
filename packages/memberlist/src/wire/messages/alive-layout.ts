import { textMaxSize, versionsMaxCount } from "../constants.ts";
import { begin, digit, keyOf, position, string, stringSize, uint } from "./layout-cursor.ts";

/**
 * Where the fields of a claim about a member stand (an alive message, a node of a push/pull), in the layout that Go peers and ours write: the
 * keys in byte order. Most claims of a cluster were heard before: this reads one without making an object.
 */
export interface AliveLayout {
  incarnation: number;
  port: number;
  /** Of a node of a push/pull; else 0. */
  state: number;
  /** 0 bytes where the field is nil; else 4 or 16. */
  addrAt: number;
  addrSize: number;
  metaAt: number;
  metaSize: number;
  nameAt: number;
  nameSize: number;
  vsnAt: number;
  vsnSize: number;
  /** Behind the claim. */
  end: number;
}

/** The versions at `layout.vsnAt`; at most six are read. */
export function versionsAt(bytes: Uint8Array, { vsnAt, vsnSize }: AliveLayout): number[] {
  const versions: number[] = [];
  const end = vsnAt + Math.min(vsnSize, versionsMaxCount);
  for (let i = vsnAt; i < end; i++) versions.push(bytes[i] as number);
  return versions;
}

const layout: AliveLayout = {
  incarnation: 0,
  port: 0,
  state: 0,
  addrAt: 0,
  addrSize: 0,
  metaAt: 0,
  metaSize: 0,
  nameAt: 0,
  nameSize: 0,
  vsnAt: 0,
  vsnSize: 0,
  end: 0,
};

const mapOfSix = 0x86;
const mapOfSeven = 0x87;

const addrKey = keyOf("Addr");
const incarnationKey = keyOf("Incarnation");
const metaKey = keyOf("Meta");
const nameKey = keyOf("Name");
const nodeKey = keyOf("Node");
const portKey = keyOf("Port");
const stateKey = keyOf("State");
const vsnKey = keyOf("Vsn");

/**
 * Reads the body of an alive message (without its type byte) from `start` to `end`; what is behind the map is ignored.
 *
 * @returns undefined where it is written in any other way, or wrong: the general decoder says which. Else valid until the next call
 */
export function scanAlive(bytes: Uint8Array, start: number, end: number): AliveLayout | undefined {
  return begin(bytes, start, end, mapOfSix) ? scan(bytes, end, false) : undefined;
}

/** As {@link scanAlive}, for a node of a push/pull. */
export function scanPushNode(bytes: Uint8Array, start: number, end: number): AliveLayout | undefined {
  return begin(bytes, start, end, mapOfSeven) ? scan(bytes, end, true) : undefined;
}

function scan(bytes: Uint8Array, end: number, isPushNode: boolean): AliveLayout | undefined {
  layout.addrAt = string(bytes, addrKey, end);
  layout.addrSize = stringSize();
  layout.incarnation = uint(bytes, incarnationKey, end);
  layout.metaAt = string(bytes, metaKey, end);
  layout.metaSize = stringSize();
  layout.nameAt = string(bytes, isPushNode ? nameKey : nodeKey, end);
  layout.nameSize = stringSize();
  layout.port = uint(bytes, portKey, end);
  layout.state = isPushNode ? digit(bytes, stateKey, end) : 0;
  layout.vsnAt = string(bytes, vsnKey, end);
  layout.vsnSize = stringSize();
  layout.end = position();
  const { addrSize, nameSize, port } = layout;
  if (layout.end < 0 || (addrSize !== 0 && addrSize !== 4 && addrSize !== 16)) return undefined;
  return nameSize > textMaxSize || port > 0xffff ? undefined : layout;
}
