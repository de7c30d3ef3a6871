import { scanAlive, versionsAt, type AliveLayout } from "./alive-layout.ts";
import { emptyBytes } from "../bytes.ts";
import { booleanField, bytesField, ipField, isMappedField, readFields, textField, uintField, versionsField } from "./fields.ts";
import { bytesToIp, isMappedAt } from "../ip.ts";
import type { AckResp, Alive, Dead, ErrResp, IndirectPing, NackResp, Ping, Suspect } from "./types.ts";
import { scanAck, scanPing } from "./ping-layout.ts";
import { decodeText } from "../text.ts";

/*
 * Each decoder takes the body of a message, without its type byte (PROTOCOL.md section 1). Keys come in any order, unknown ones
 * are ignored, missing ones and nil are zero, and so are bytes behind the map. `meta` and `payload` are views of the body. All
 * throw DecodeError.
 */

const maxU16 = 0xffff;
const maxU32 = 0xffffffff;

export function decodePing(body: Uint8Array): Ping {
  const usual = scanPing(body);
  if (usual !== undefined) return usual;
  const fields = readFields(body);
  return {
    seqNo: uintField(fields, "SeqNo", maxU32),
    node: textField(fields, "Node"),
    sourceAddr: ipField(fields, "SourceAddr"),
    sourcePort: uintField(fields, "SourcePort", maxU16),
    sourceNode: textField(fields, "SourceNode"),
  };
}

export function decodeIndirectPing(body: Uint8Array): IndirectPing {
  const fields = readFields(body);
  return {
    seqNo: uintField(fields, "SeqNo", maxU32),
    target: ipField(fields, "Target"),
    port: uintField(fields, "Port", maxU16),
    node: textField(fields, "Node"),
    nack: booleanField(fields, "Nack"),
    sourceAddr: ipField(fields, "SourceAddr"),
    sourcePort: uintField(fields, "SourcePort", maxU16),
    sourceNode: textField(fields, "SourceNode"),
  };
}

export function decodeAckResp(body: Uint8Array): AckResp {
  const usual = scanAck(body);
  if (usual !== undefined) return usual;
  const fields = readFields(body);
  return { seqNo: uintField(fields, "SeqNo", maxU32), payload: bytesField(fields, "Payload") };
}

export function decodeNackResp(body: Uint8Array): NackResp {
  return { seqNo: uintField(readFields(body), "SeqNo", maxU32) };
}

export function decodeSuspect(body: Uint8Array): Suspect {
  return decodeAccusation(body);
}

export function decodeDead(body: Uint8Array): Dead {
  return decodeAccusation(body);
}

export function decodeAlive(body: Uint8Array): Alive {
  const layout = scanAlive(body, 0, body.length);
  if (layout !== undefined) return aliveOf(body, layout);
  const fields = readFields(body);
  return {
    incarnation: uintField(fields, "Incarnation", maxU32),
    node: textField(fields, "Node"),
    addr: ipField(fields, "Addr"),
    isMapped: isMappedField(fields, "Addr"),
    port: uintField(fields, "Port", maxU16),
    meta: bytesField(fields, "Meta"),
    vsn: versionsField(fields, "Vsn"),
  };
}

export function decodeErrResp(body: Uint8Array): ErrResp {
  return { error: textField(readFields(body), "Error") };
}

/** What was written as usual is read without the general decoder, in a third of the time. */
function aliveOf(body: Uint8Array, layout: AliveLayout): Alive {
  const { incarnation, port, addrAt, addrSize, metaAt, metaSize, nameAt, nameSize } = layout;
  return {
    incarnation,
    node: decodeText(body, nameAt, nameSize),
    addr: bytesToIp(body, addrAt, addrSize),
    isMapped: isMappedAt(body, addrAt, addrSize),
    port,
    meta: metaSize === 0 ? emptyBytes : body.subarray(metaAt, metaAt + metaSize),
    vsn: versionsAt(body, layout),
  };
}

function decodeAccusation(body: Uint8Array): Suspect & Dead {
  const fields = readFields(body);
  return {
    incarnation: uintField(fields, "Incarnation", maxU32),
    node: textField(fields, "Node"),
    from: textField(fields, "From"),
  };
}
