import type { YieldToEventLoop } from "../../ports/clock.ts";
import { nodesInOneGo } from "../../util/turn-budget.ts";
import { concatBytes, copyBytes, Slabs } from "../bytes.ts";
import { locateFields, locateInAnyForm } from "./decode.ts";
import { encode, MessageWriter } from "./encode.ts";
import { MessageCursor } from "./scan.ts";
import { pushNodeSchema, pushPullSchema, userSchema } from "./schema.ts";
import type { PushNodeState, PushPullHeader } from "./types.ts";

/** The approximate size of a node. */
const usualNodeBytes = 112;
/** The most that the header takes. */
const headerMax = 64;

/** Metadata of nodes of a push/pull, most of which a table copies soon. The slabs are small, because one that a delegate keeps stays whole. */
const metas = new Slabs(2048, 512);

/** Used by one decoder after the other: none keeps it. */
const cursor: MessageCursor = new MessageCursor();

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
  for (const node of all) writer.write(pushNodeSchema, node);
  writer.raw(userState);
  return writer.view();
}

/** As {@link encodePushPull}, and yields to the event loop after each {@link nodesInOneGo} nodes. The number of `nodes` must not change meanwhile. */
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
    writer.write(pushNodeSchema, nodes.at(i) as PushNodeState);
  }
  writer.raw(kept);
  return writer.view();
}

function writerOf(join: boolean, count: number, userState: Uint8Array): MessageWriter {
  const writer = new MessageWriter(headerMax + count * usualNodeBytes + userState.length);
  writer.write(pushPullSchema, { join, nodes: count, userStateLen: userState.length });
  return writer;
}

/** A whole user message for a stream: type byte, header with the length, the user's bytes. */
export function encodeUserStream(message: Uint8Array): Uint8Array {
  return concatBytes(encode(userSchema, { userMsgLen: message.length }), message);
}

/** @throws DecodeError */
export function decodePushPullHeader(bytes: Uint8Array): PushPullHeader {
  const { nodes, userStateLen, join } = pushPullSchema.of;
  locateFields(cursor, pushPullSchema, bytes);
  return { nodes: cursor.number(nodes), userStateLen: cursor.number(userStateLen), join: cursor.boolean(join) };
}

/** The length in the header of a user message. @throws DecodeError */
export function decodeUserHeader(bytes: Uint8Array): number {
  locateFields(cursor, userSchema, bytes);
  return cursor.number(userSchema.of.userMsgLen);
}

/**
 * One node's map; `object` is exactly one msgpack object, as a stream reader hands it out.
 *
 * @throws DecodeError
 */
export function decodePushNode(object: Uint8Array): PushNodeState {
  locateInAnyForm(cursor, pushNodeSchema, object);
  return pushNodeAt(cursor, object);
}

/** The node whose fields were found in `bytes`. It shares nothing with them, so that metadata that is kept does not keep a whole stream's bytes. */
export function pushNodeAt(found: MessageCursor, bytes: Uint8Array): PushNodeState {
  const { name, addr, port, meta, incarnation, state, vsn } = pushNodeSchema.of;
  const metadata = found.view(bytes, meta);
  return {
    name: found.string(bytes, name),
    addr: found.string(bytes, addr),
    isMapped: found.isMapped(bytes, addr),
    port: found.number(port),
    meta: metadata.length === 0 ? metadata : metas.copy(metadata),
    incarnation: found.number(incarnation),
    state: found.number(state),
    vsn: found.versions(bytes, vsn),
  };
}
