import { messageType } from "../constants.ts";
import type { AckResp, Alive, Dead, ErrResp, IndirectPing, NackResp, Ping, Suspect } from "./types.ts";
import { type MsgpackWriter, sharedWriter } from "./msgpack-writer.ts";
import { packetBytes } from "../packet-bytes.ts";

/*
 * Each encoder returns the whole message, type byte and body, in bytes of its own (PROTOCOL.md section 1). Keys go out sorted.
 * An empty meta or payload goes out as nil, which is what a Go node without a delegate sends. An address that is not a literal
 * IP throws MemberlistError `invalid_address`.
 */

export function encodePing(ping: Ping): Uint8Array {
  const writer = sharedWriter();
  writer.byte(messageType.ping);
  writer.map(2 + sourceFields(ping));
  writer.key("Node");
  writer.text(ping.node);
  writer.key("SeqNo");
  writer.uint(ping.seqNo);
  writeSource(writer, ping);
  return writer.take();
}

export function encodeIndirectPing(request: IndirectPing): Uint8Array {
  const writer = sharedWriter();
  writer.byte(messageType.indirectPing);
  writer.map(5 + sourceFields(request));
  writer.key("Nack");
  writer.boolean(request.nack);
  writer.key("Node");
  writer.text(request.node);
  writer.key("Port");
  writer.uint(request.port);
  writer.key("SeqNo");
  writer.uint(request.seqNo);
  writeSource(writer, request);
  writer.key("Target");
  writer.ip(request.target);
  return writer.take();
}

export function encodeAckResp(ack: AckResp): Uint8Array {
  const writer = sharedWriter();
  writer.byte(messageType.ackResp);
  writer.map(2);
  writer.key("Payload");
  writer.nilableBytes(ack.payload);
  writer.key("SeqNo");
  writer.uint(ack.seqNo);
  return writer.take();
}

export function encodeNackResp(nack: NackResp): Uint8Array {
  const writer = sharedWriter();
  writer.byte(messageType.nackResp);
  writer.map(1);
  writer.key("SeqNo");
  writer.uint(nack.seqNo);
  return writer.take();
}

export function encodeSuspect(suspect: Suspect): Uint8Array {
  return encodeAccusation(messageType.suspect, suspect);
}

export function encodeDead(dead: Dead): Uint8Array {
  return encodeAccusation(messageType.dead, dead);
}

export function encodeAlive(alive: Alive): Uint8Array {
  const writer = sharedWriter();
  writer.byte(messageType.alive);
  writer.map(6);
  writer.key("Addr");
  writer.ip(alive.addr, alive.isMapped);
  writer.key("Incarnation");
  writer.uint(alive.incarnation);
  writer.key("Meta");
  writer.nilableBytes(alive.meta);
  writer.key("Node");
  writer.text(alive.node);
  writer.key("Port");
  writer.uint(alive.port);
  writer.key("Vsn");
  writer.octets(alive.vsn);
  return writer.take();
}

export function encodeErrResp(err: ErrResp): Uint8Array {
  const writer = sharedWriter();
  writer.byte(messageType.err);
  writer.map(1);
  writer.key("Error");
  writer.text(err.error);
  return writer.take();
}

/** A user message for a packet: the type byte and the user's bytes as they are. */
export function encodeUser(bytes: Uint8Array): Uint8Array {
  const message = packetBytes(1 + bytes.length);
  message[0] = messageType.user;
  message.set(bytes, 1);
  return message;
}

function encodeAccusation(type: number, accusation: Suspect | Dead): Uint8Array {
  const writer = sharedWriter();
  writer.byte(type);
  writer.map(3);
  writer.key("From");
  writer.text(accusation.from);
  writer.key("Incarnation");
  writer.uint(accusation.incarnation);
  writer.key("Node");
  writer.text(accusation.node);
  return writer.take();
}

type Source = Pick<Ping, "sourceAddr" | "sourcePort" | "sourceNode">;

function sourceFields(source: Source): number {
  return (source.sourceAddr === "" ? 0 : 1) + (source.sourceNode === "" ? 0 : 1) + (source.sourcePort === 0 ? 0 : 1);
}

/** The fields that are left out when empty or zero. */
function writeSource(writer: MsgpackWriter, source: Source): void {
  if (source.sourceAddr !== "") {
    writer.key("SourceAddr");
    writer.ip(source.sourceAddr);
  }
  if (source.sourceNode !== "") {
    writer.key("SourceNode");
    writer.text(source.sourceNode);
  }
  if (source.sourcePort !== 0) {
    writer.key("SourcePort");
    writer.uint(source.sourcePort);
  }
}
