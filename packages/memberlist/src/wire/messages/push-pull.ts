import { concatBytes, copyBytes } from "../bytes.ts";
import { messageType } from "../constants.ts";
import {
  booleanField,
  bytesField,
  intField,
  ipField,
  isMappedField,
  readFields,
  readWholeFields,
  textField,
  uintField,
  versionsField,
} from "./fields.ts";
import { versionsAt, type AliveLayout } from "./alive-layout.ts";
import { bytesToIp, isMappedAt } from "../ip.ts";
import type { PushNodeState, PushPullHeader } from "./types.ts";
import { sharedWriter } from "./msgpack-writer.ts";
import { NodeWriter } from "./node-writer.ts";
import { decodeText } from "../text.ts";

/** Lets other work have its turn: resolves once the input that is already waiting has been handled. */
export type YieldToEventLoop = () => Promise<void>;

/** Nodes of a push/pull that are read, written or merged in one go: 1 to 5 ms of work. Then comes a breath. */
export const nodesInOneGo: number = 500;

/** What a node takes, about. */
const usualNodeBytes = 112;

/** Nodes that are written one after the other; each is asked for when it is its turn. */
export interface NodeSource {
  readonly length: number;
  at(index: number): PushNodeState | undefined;
}

/**
 * A whole push/pull message for a stream: type byte, header, one map a node, user state (PROTOCOL.md section 4).
 *
 * @throws MemberlistError `invalid_address` when a node's address is not a literal IP
 */
export function encodePushPull(join: boolean, nodes: Iterable<PushNodeState>, userState: Uint8Array): Uint8Array {
  const all = [...nodes];
  const writer = writerOf(join, all.length, userState);
  for (const node of all) writer.node(node);
  writer.raw(userState);
  return writer.view();
}

/** As {@link encodePushPull}, with a breath after each {@link nodesInOneGo} nodes. There may not be more or fewer `nodes` meanwhile. */
export async function encodeLongPushPull(
  join: boolean,
  nodes: NodeSource,
  userState: Uint8Array,
  yieldToEventLoop: YieldToEventLoop,
): Promise<Uint8Array> {
  const writer = writerOf(join, nodes.length, userState);
  // The application's array may be one that it uses again as soon as it has its turn.
  const kept = nodes.length > nodesInOneGo ? copyBytes(userState) : userState;
  for (let i = 0; i < nodes.length; i++) {
    if (i > 0 && i % nodesInOneGo === 0) await yieldToEventLoop();
    writer.node(nodes.at(i) as PushNodeState);
  }
  writer.raw(kept);
  return writer.view();
}

function writerOf(join: boolean, count: number, userState: Uint8Array): NodeWriter {
  const head = sharedWriter();
  head.byte(messageType.pushPull);
  head.map(3);
  head.key("Join");
  head.boolean(join);
  head.key("Nodes");
  head.int(count);
  head.key("UserStateLen");
  head.int(userState.length);
  return new NodeWriter(head.view(), count * usualNodeBytes + userState.length);
}

/** A whole user message for a stream: type byte, header with the length, the user's bytes. */
export function encodeUserStream(message: Uint8Array): Uint8Array {
  const head = sharedWriter();
  head.byte(messageType.user);
  head.map(1);
  head.key("UserMsgLen");
  head.int(message.length);
  return concatBytes(head.view(), message);
}

/** @throws DecodeError */
export function decodePushPullHeader(bytes: Uint8Array): PushPullHeader {
  const fields = readFields(bytes);
  return {
    nodes: intField(fields, "Nodes"),
    userStateLen: intField(fields, "UserStateLen"),
    join: booleanField(fields, "Join"),
  };
}

/** The length in the header of a user message. @throws DecodeError */
export function decodeUserHeader(bytes: Uint8Array): number {
  return intField(readFields(bytes), "UserMsgLen");
}

/**
 * One node's map; `object` is exactly one msgpack object, as a stream reader hands it out. The result shares nothing with it,
 * so that a meta that is kept does not keep a whole stream's bytes.
 *
 * @throws DecodeError
 */
export function decodePushNode(object: Uint8Array): PushNodeState {
  const fields = readWholeFields(object);
  return {
    name: textField(fields, "Name"),
    addr: ipField(fields, "Addr"),
    isMapped: isMappedField(fields, "Addr"),
    port: uintField(fields, "Port", 0xffff),
    meta: copyBytes(bytesField(fields, "Meta")),
    incarnation: uintField(fields, "Incarnation", 0xffffffff),
    state: intField(fields, "State"),
    vsn: versionsField(fields, "Vsn"),
  };
}

/** As {@link decodePushNode}, of one that is written as usual. */
export function pushNodeOf(bytes: Uint8Array, layout: AliveLayout): PushNodeState {
  const { incarnation, port, state, addrAt, addrSize, metaAt, metaSize, nameAt, nameSize } = layout;
  return {
    name: decodeText(bytes, nameAt, nameSize),
    addr: bytesToIp(bytes, addrAt, addrSize),
    isMapped: isMappedAt(bytes, addrAt, addrSize),
    port,
    meta: copyBytes(bytes.subarray(metaAt, metaAt + metaSize)),
    incarnation,
    state,
    vsn: versionsAt(bytes, layout),
  };
}
