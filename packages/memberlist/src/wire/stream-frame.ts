import { MemberlistError } from "../errors.ts";
import { compressMessage, decompressBody } from "./compress.ts";
import { emptyBytes } from "./bytes.ts";
import { messageType } from "./constants.ts";
import { decodeAckResp, decodeErrResp, decodePing } from "./decode.ts";
import { DecodeError } from "./decode-error.ts";
import { labelHeaderSize } from "./label.ts";
import type { AckResp, ErrResp, Ping, PushNodeState } from "./messages.ts";
import { decodePushNode, decodePushPullHeader, decodeUserHeader } from "./push-pull.ts";
import { StreamReader } from "./stream-reader.ts";

/** What a peer may make us hold (PROTOCOL.md section 4), in bytes and counts. */
export interface StreamLimits {
  /** The user state of a push/pull. */
  readonly maxPushStateBytes: number;
  readonly maxPushStateNodes: number;
  readonly maxUserMsgBytes: number;
  readonly maxDecompressedBytes: number;
}

export interface StreamMessage {
  /** The type byte; it may be one that nobody knows. */
  readonly type: number;
  /** What comes behind the type byte. */
  readonly body: StreamReader;
}

export interface RemoteState {
  readonly join: boolean;
  readonly nodes: PushNodeState[];
  readonly userState: Uint8Array;
}

/** One map: a node's (its meta has at most 512 bytes), a header, a ping, an ack or an error. */
const maxObjectBytes = 64 * 1024;
/** What the map of a compress message adds to the compressed bytes, with room to spare. */
const compressOverhead = 64;

/** The layers that a message gets on a stream: compressed whenever compression is on, smaller or not. */
export function sealStreamMessage(message: Uint8Array, options: { readonly compress: boolean }): Uint8Array {
  return options.compress ? compressMessage(message) : message;
}

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
 * The next message, with its compression undone.
 *
 * @throws MemberlistError `stream_closed` (`details.clean`: there was no message), `stream_failed`, `limit_exceeded`, or
 *   `protocol_error` for an encrypted or an empty message; DecodeError for what cannot be read
 */
export async function readStreamMessage(reader: StreamReader, limits: StreamLimits): Promise<StreamMessage> {
  const type = await reader.readByte();
  if (type === messageType.encrypt) {
    throw new MemberlistError("protocol_error", "remote state is encrypted and encryption is not configured");
  }
  if (type !== messageType.compress) return { type, body: reader };
  const { maxDecompressedBytes } = limits;
  // Compressed, a byte costs 12 bits at most and a dictionary of 3,838 codes one more, so nothing acceptable is over this.
  const maxCompressedBytes = maxDecompressedBytes + Math.ceil(maxDecompressedBytes * 0.51) + compressOverhead;
  const message = decompressBody(await reader.readObject(maxCompressedBytes), maxDecompressedBytes);
  const [innerType] = message;
  if (innerType === undefined) throw new MemberlistError("protocol_error", "decompressed message is empty");
  return { type: innerType, body: new StreamReader(message.subarray(1)) };
}

/**
 * The body of a push/pull message. A port of 0 stays 0.
 *
 * @throws MemberlistError `limit_exceeded` before anything is allocated for what the header announces, `stream_closed`,
 *   `stream_failed`; DecodeError
 */
export async function readPushPull(reader: StreamReader, limits: StreamLimits): Promise<RemoteState> {
  const header = decodePushPullHeader(await reader.readObject(maxObjectBytes));
  checkLimit("number of nodes", header.nodes, limits.maxPushStateNodes);
  checkLimit("user state length", header.userStateLen, limits.maxPushStateBytes);
  const nodes: PushNodeState[] = [];
  while (nodes.length < header.nodes) {
    // No promise for each of ten thousand nodes: all that has arrived is decoded in one go.
    nodes.push(decodePushNode(reader.tryObject(maxObjectBytes) ?? (await reader.readObject(maxObjectBytes))));
  }
  return { join: header.join, nodes, userState: await reader.readExactly(header.userStateLen) };
}

/** The bytes of a user message. Errors as for {@link readPushPull}. */
export async function readUserMessage(reader: StreamReader, limits: StreamLimits): Promise<Uint8Array> {
  const size = decodeUserHeader(await reader.readObject(maxObjectBytes));
  checkLimit("user message length", size, limits.maxUserMsgBytes);
  return reader.readExactly(size);
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

function checkLimit(what: string, value: number, limit: number): void {
  if (value >= 0 && value <= limit) return;
  throw new MemberlistError("limit_exceeded", `${what} in header (${value}) exceeds limit`, { details: { value, limit } });
}
