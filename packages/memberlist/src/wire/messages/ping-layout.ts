import { emptyBytes } from "../bytes.ts";
import { textMaxSize } from "../constants.ts";
import { bytesToIp } from "../ip.ts";
import { begin, keyOf, position, string, stringSize, uint } from "./layout-cursor.ts";
import type { AckResp, Ping } from "./types.ts";
import { decodeText } from "../text.ts";

/* Pings and acks are what an idle member reads, one of each a second: as they are usually written, without the general decoder. */

const mapOfTwo = 0x82;
const mapOfFive = 0x85;
const nodeKey = keyOf("Node");
const payloadKey = keyOf("Payload");
const seqNoKey = keyOf("SeqNo");
const sourceAddrKey = keyOf("SourceAddr");
const sourceNodeKey = keyOf("SourceNode");
const sourcePortKey = keyOf("SourcePort");

/** The body of a ping, which says whom it is from; what is behind the map is ignored. Undefined where it is written in any other way, or wrong. */
export function scanPing(bytes: Uint8Array): Ping | undefined {
  const end = bytes.length;
  if (!begin(bytes, 0, end, mapOfFive)) return undefined;
  const nodeAt = string(bytes, nodeKey, end);
  const nodeSize = stringSize();
  const seqNo = uint(bytes, seqNoKey, end);
  const addrAt = string(bytes, sourceAddrKey, end);
  const addrSize = stringSize();
  const sourceAt = string(bytes, sourceNodeKey, end);
  const sourceSize = stringSize();
  const sourcePort = uint(bytes, sourcePortKey, end);
  if (position() < 0 || (addrSize !== 0 && addrSize !== 4 && addrSize !== 16)) return undefined;
  if (nodeSize > textMaxSize || sourceSize > textMaxSize || sourcePort > 0xffff) return undefined;
  return {
    seqNo,
    node: decodeText(bytes, nodeAt, nodeSize),
    sourceAddr: bytesToIp(bytes, addrAt, addrSize),
    sourcePort,
    sourceNode: decodeText(bytes, sourceAt, sourceSize),
  };
}

/** As {@link scanPing}, the body of an ack. Its payload is a view. */
export function scanAck(bytes: Uint8Array): AckResp | undefined {
  const end = bytes.length;
  if (!begin(bytes, 0, end, mapOfTwo)) return undefined;
  const payloadAt = string(bytes, payloadKey, end);
  const payloadSize = stringSize();
  const seqNo = uint(bytes, seqNoKey, end);
  if (position() < 0) return undefined;
  return { seqNo, payload: payloadSize === 0 ? emptyBytes : bytes.subarray(payloadAt, payloadAt + payloadSize) };
}
