import { MemberlistError } from "../api/errors.ts";
import { emptyBytes, keepableInParts } from "./bytes.ts";
import { messageType } from "./constants.ts";
import { decodeAckResp, decodeErrResp, decodePing } from "./messages/decode.ts";
import { DecodeError, limitExceeded, type StreamLimitName } from "./errors.ts";
import { MessageCursor } from "./messages/scan.ts";
import { pushNodeSchema } from "./messages/schema.ts";
import type { UnchangedNodes } from "./messages/unchanged-nodes.ts";
import { labelHeaderSize } from "./label.ts";
import type { AckResp, ErrResp, Ping, PushNodeState, PushPullHeader } from "./messages/types.ts";
import { decodePushNode, decodePushPullHeader, decodeUserHeader, pushNodeAt } from "./messages/push-pull.ts";
import { nodesInOneGo } from "../util/turn-budget.ts";
import type { YieldToEventLoop } from "../ports/clock.ts";
import {
  encryptHeaderSize,
  maxCompressed,
  maxEncryptedBytes,
  noKeys,
  noSecurity,
  decodeStreamPayload,
  type StreamPayload,
  type StreamSecurity,
} from "./stream-layers.ts";
import { StreamReader } from "./stream-reader.ts";

/** Limits on a peer's input (PROTOCOL.md section 4), in bytes and counts. */
export interface StreamLimits {
  /** The user state of a push/pull. */
  readonly maxPushStateBytes: number;
  readonly maxPushStateNodes: number;
  readonly maxUserMsgBytes: number;
  readonly maxDecompressedBytes: number;
}

export interface StreamMessage {
  /** The type byte; it may be unknown. */
  readonly type: number;
  /** The bytes after the type byte. */
  readonly body: StreamReader;
}

export interface RemoteState {
  readonly join: boolean;
  /** The nodes, without unchanged ones. */
  readonly nodes: PushNodeState[];
  /** Nodes that were left out: a name or an address that no node can have. */
  readonly skipped: number;
  readonly userState: Uint8Array;
}

/** One map: a node's (its meta has at most 512 bytes), a header, a ping, an ack or an error. */
const maxObjectBytes = 64 * 1024;

/** Takes the layers off, here or elsewhere. See {@link decodeStreamPayload}. */
export type PayloadDecoder = (payload: StreamPayload) => Uint8Array | Promise<Uint8Array>;

/**
 * The label that a dialled stream starts with; empty, with nothing read, when it starts with something else or has ended.
 *
 * @throws DecodeError `bad_label` when the header is cut off or its label is empty
 */
export async function readStreamLabel(reader: StreamReader): Promise<Uint8Array> {
  if ((await reader.peekByte()) !== messageType.hasLabel) return emptyBytes;
  try {
    const size = (await reader.readExactly(labelHeaderSize))[1] as number;
    if (size === 0) throw new DecodeError("bad_label", "a label header with an empty label");
    const label = await reader.readExactly(size);
    reader.beginMessage();
    return label;
  } catch (error) {
    if (error instanceof MemberlistError && error.code === "stream_closed") {
      throw new DecodeError("bad_label", "a label cut off", error);
    }
    throw error;
  }
}

/**
 * The next message, with its encryption and its compression undone.
 *
 * @param decode undoes them; absent: {@link decodeStreamPayload}
 * @throws MemberlistError `stream_closed` (`details.clean`: the stream ended before a message), `stream_failed`, `limit_exceeded`, or
 *   `protocol_error` for an empty message; DecodeError for what cannot be read: `decrypt_failed` (also where we have no keys),
 *   `not_encrypted`, …
 */
export async function readStreamMessage(
  reader: StreamReader,
  limits: StreamLimits,
  security: StreamSecurity = noSecurity,
  decode: PayloadDecoder = (payload) => decodeStreamPayload(payload, limits.maxDecompressedBytes, security),
): Promise<StreamMessage> {
  const type = await reader.readByte();
  if (type === messageType.encrypt) return inMemory(await decode(await readEncrypted(reader, limits, security)));
  if (security.cipher?.isOn === true && security.cipher.verifyIncoming) {
    throw new DecodeError(
      "not_encrypted",
      "a plaintext message, but this node accepts only encrypted ones (gossipVerifyIncoming)",
    );
  }
  if (type !== messageType.compress) return { type, body: reader };
  const bytes = await reader.readObject(maxCompressed(limits.maxDecompressedBytes), "maxDecompressedBytes");
  return inMemory(await decode({ bytes, isEncrypted: false }));
}

async function readEncrypted(
  reader: StreamReader,
  limits: StreamLimits,
  { cipher, onEncryptedSize }: StreamSecurity,
): Promise<StreamPayload> {
  if (cipher?.isOn !== true) throw noKeys();
  const lengthBytes = await reader.readExactly(encryptHeaderSize - 1);
  const size = lengthBytes.reduce((value, byte) => value * 256 + byte, 0);
  onEncryptedSize?.(size);
  checkLimit("maxEncryptedBytes", "encrypted length in header", size, maxEncrypted(limits));
  return { bytes: await reader.readExactly(size), isEncrypted: true };
}

/** The size of the largest message within the limits: nothing larger is worth reading. */
function maxEncrypted({ maxPushStateBytes: state, maxPushStateNodes: nodes, maxUserMsgBytes: user }: StreamLimits): number {
  const message = Math.max(user, state + nodes * maxObjectBytes) + maxObjectBytes;
  return Math.min(maxEncryptedBytes, maxCompressed(message));
}

/** @param message at least its type byte */
function inMemory(message: Uint8Array): StreamMessage {
  return { type: message[0] as number, body: new StreamReader(message.subarray(1)) };
}

export interface PushPullReading {
  /** Awaited now and then, see {@link nodesInOneGo}; absent: all that has arrived is decoded in one go. */
  readonly yieldToEventLoop?: YieldToEventLoop;
  /** Called after each 50 nodes: true yields before {@link nodesInOneGo} nodes. Absent: the reader ignores time. */
  readonly isTimeOver?: (() => boolean) | undefined;
  /** Nodes that change nothing are skipped without decoding them: most of a push/pull. Absent: all are decoded. */
  readonly unchanged?: UnchangedNodes | undefined;
  /** Called for each decoded node with its approximate size in memory, in bytes. An error that it throws ends the read. */
  readonly charge?: ((bytes: number) => void) | undefined;
}

/** The memory of a decoded node beside its strings and its metadata, in bytes: measured, with metadata, on Node 20. */
const decodedNodeBytes = 400;

/** The memory of a decoded node of `size` bytes: a name that is not Latin-1 takes twice its bytes. */
function memoryOf(size: number): number {
  return decodedNodeBytes + 2 * size;
}

/** A node with more bytes than this counts for more than one. */
const usualNodeBytes = 512;

/** The extra cost of a large node, in the unit of {@link skippedForOne}. */
function extraWork(bytes: number): number {
  return skippedForOne * Math.floor(bytes / usualNodeBytes);
}

/** After so many nodes the reader calls `isTimeOver`. */
const nodesPerTimeCheck = 50;

const never = (): boolean => false;

/** Nodes that are skipped in the time that it takes to decode one, while the code is cold. */
const skippedForOne = 4;

/**
 * How the body of a push/pull message begins.
 *
 * @throws MemberlistError `limit_exceeded` before anything is allocated for what it announces, `stream_closed`, `stream_failed`; DecodeError
 */
export async function readPushPullHeader(reader: StreamReader, limits: StreamLimits): Promise<PushPullHeader> {
  const header = decodePushPullHeader(await reader.readObject(maxObjectBytes));
  checkLimit("maxPushStateNodes", "number of nodes in header", header.nodes, limits.maxPushStateNodes);
  checkLimit("maxPushStateBytes", "user state length in header", header.userStateLen, limits.maxPushStateBytes);
  return header;
}

/** The body of a push/pull message. A port of 0 stays 0. Errors as for {@link readPushPullHeader}. */
export async function readPushPull(reader: StreamReader, limits: StreamLimits, reading?: PushPullReading): Promise<RemoteState> {
  return readPushPullNodes(reader, await readPushPullHeader(reader, limits), limits, reading);
}

/** Reads the bytes after the header. Errors as for {@link readPushPullHeader}. */
export async function readPushPullNodes(
  reader: StreamReader,
  header: PushPullHeader,
  limits: StreamLimits,
  { yieldToEventLoop, isTimeOver = never, unchanged, charge }: PushPullReading = {},
): Promise<RemoteState> {
  const nodes: PushNodeState[] = [];
  const cursor = new MessageCursor();
  const maxNodeBytes = Math.max(limits.maxPushStateBytes, maxObjectBytes);
  const workInOneGo = yieldToEventLoop === undefined ? Infinity : nodesInOneGo * skippedForOne;
  let skipped = 0;
  let work = 0;
  let left = header.nodes;
  const skip = (bytes: Uint8Array, start: number, end: number): number =>
    (unchanged as UnchangedNodes).skip(bytes, start, end, left, workInOneGo - work);
  const look = (bytes: Uint8Array, start: number, end: number): number => {
    if (!cursor.scan(pushNodeSchema, bytes, start, end)) return start;
    const size = cursor.end - start;
    if (cursor.size(pushNodeSchema.of.name) === 0 || size > maxNodeBytes) return start;
    charge?.(memoryOf(size));
    nodes.push(pushNodeAt(cursor, bytes));
    work += extraWork(size);
    return cursor.end;
  };
  while (left > 0) {
    if (work >= workInOneGo || (left % nodesPerTimeCheck === 0 && isTimeOver())) {
      work = 0;
      await yieldToEventLoop?.();
    }
    // No promise for each of ten thousand nodes: they are taken from what has arrived.
    if (unchanged !== undefined) {
      const hasSkipped = reader.tryRead(skip);
      work += unchanged.work;
      left -= unchanged.skipped;
      if (hasSkipped) continue;
    }
    left--;
    work += skippedForOne;
    if (reader.tryRead(look)) continue;
    let object = reader.tryObject(maxNodeBytes, "maxPushStateBytes");
    if (object === undefined) {
      object = await reader.readObject(maxNodeBytes, "maxPushStateBytes");
      // Another turn of the event loop, in which other streams may have done work, too.
      work = workInOneGo;
    }
    work += extraWork(object.length);
    charge?.(memoryOf(object.length));
    const node = decodeNode(object);
    if (node === undefined) skipped++;
    else nodes.push(node);
  }
  const userState = await keepableInParts(await reader.readExactly(header.userStateLen), yieldToEventLoop);
  return { join: header.join, nodes, skipped, userState };
}

/**
 * Decodes a node; undefined if its name or address is invalid. One careless member may have accepted an invalid node, and that must
 * not keep others from exchanging states with that member.
 */
function decodeNode(bytes: Uint8Array): PushNodeState | undefined {
  try {
    const node = decodePushNode(bytes);
    return node.name === "" ? undefined : node;
  } catch (error) {
    if (error instanceof DecodeError && (error.reason === "too_large" || error.reason === "bad_address")) return undefined;
    throw error;
  }
}

/**
 * The bytes of a user message, which may be kept: they do not hold on to what came with them. Errors as for {@link readPushPull}.
 *
 * @param yieldToEventLoop as in {@link PushPullReading}
 */
export async function readUserMessage(
  reader: StreamReader,
  limits: StreamLimits,
  yieldToEventLoop?: YieldToEventLoop,
): Promise<Uint8Array> {
  const size = decodeUserHeader(await reader.readObject(maxObjectBytes));
  checkLimit("maxUserMsgBytes", "user message length in header", size, limits.maxUserMsgBytes);
  return keepableInParts(await reader.readExactly(size), yieldToEventLoop);
}

export async function readPing(reader: StreamReader): Promise<Ping> {
  return decodePing(await reader.readObject(maxObjectBytes));
}

export async function readAck(reader: StreamReader): Promise<AckResp> {
  return decodeAckResp(await reader.readObject(maxObjectBytes));
}

export async function readErr(reader: StreamReader): Promise<ErrResp> {
  return decodeErrResp(await reader.readObject(maxObjectBytes));
}

function checkLimit(name: StreamLimitName, what: string, value: number, limit: number): void {
  if (value < 0 || value > limit) throw limitExceeded(name, what, value, limit);
}
