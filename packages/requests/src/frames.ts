/** The first byte of each message of the channel. */
const types = { request: 1, answer: 2, failure: 3, requestOnStream: 4 } as const;

/** A random number for each start of a member, then a count. */
export const idBytes = 8;
/** The longest name of a request, and the longest code of an error, in bytes. */
export const nameMaxBytes = 255;
/** The longest message of an error, in characters. */
const messageMaxLength = 1_000;

export interface RequestFrame {
  readonly type: "request";
  readonly id: Uint8Array;
  /** The request came over a stream, so the answer must not be lost either. */
  readonly onStream: boolean;
  /** How long the sender still waits for an answer, in ms. */
  readonly timeout: number;
  readonly name: string;
  readonly payload: Uint8Array;
}

export interface AnswerFrame {
  readonly type: "answer";
  readonly id: Uint8Array;
  readonly payload: Uint8Array;
}

export interface FailureFrame {
  readonly type: "failure";
  readonly id: Uint8Array;
  readonly code: string;
  readonly message: string;
}

export type Frame = AnswerFrame | FailureFrame | RequestFrame;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** [1, or 4 on a stream][id][timeout: 4 bytes][length of the name: 1 byte][name][payload] */
export function encodeRequest({ id, onStream, timeout, name, payload }: Omit<RequestFrame, "type">): Uint8Array {
  const nameBytes = encoder.encode(name);
  const frame = start(onStream ? types.requestOnStream : types.request, id, 5 + nameBytes.length + payload.length);
  let at = 1 + idBytes;
  new DataView(frame.buffer).setUint32(at, Math.ceil(timeout));
  at += 4;
  frame[at++] = nameBytes.length;
  frame.set(nameBytes, at);
  frame.set(payload, at + nameBytes.length);
  return frame;
}

/** [2][id][payload] */
export function encodeAnswer(id: Uint8Array, payload: Uint8Array): Uint8Array {
  const frame = start(types.answer, id, payload.length);
  frame.set(payload, 1 + idBytes);
  return frame;
}

/** [3][id][length of the code: 1 byte][code][message] */
export function encodeFailure(id: Uint8Array, code: string, message: string): Uint8Array {
  const codeBytes = encoder.encode(code);
  const messageBytes = encoder.encode(message.slice(0, messageMaxLength));
  const frame = start(types.failure, id, 1 + codeBytes.length + messageBytes.length);
  frame[1 + idBytes] = codeBytes.length;
  frame.set(codeBytes, 2 + idBytes);
  frame.set(messageBytes, 2 + idBytes + codeBytes.length);
  return frame;
}

/** Returns undefined for a malformed frame. Never throws. Payloads are views of `bytes`. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  if (bytes.length < 1 + idBytes) return undefined;
  const id = bytes.subarray(1, 1 + idBytes);
  const rest = bytes.subarray(1 + idBytes);
  switch (bytes[0]) {
    case types.request:
    case types.requestOnStream: {
      if (rest.length < 5) return undefined;
      const timeout = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      const read = prefixed(rest.subarray(4));
      if (read === undefined || read.text === "") return undefined;
      const onStream = bytes[0] === types.requestOnStream;
      return { type: "request", id, onStream, timeout, name: read.text, payload: read.rest };
    }
    case types.answer:
      return { type: "answer", id, payload: rest };
    case types.failure: {
      const read = prefixed(rest);
      return (
        read && { type: "failure", id, code: read.text, message: decoder.decode(read.rest.subarray(0, 4 * messageMaxLength)) }
      );
    }
    default:
      return undefined;
  }
}

function start(type: number, id: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(1 + idBytes + length);
  frame[0] = type;
  frame.set(id, 1);
  return frame;
}

/** A string after its length in one byte. */
function prefixed(bytes: Uint8Array): { readonly text: string; readonly rest: Uint8Array } | undefined {
  const length = bytes[0];
  if (length === undefined || bytes.length < 1 + length) return undefined;
  return { text: decoder.decode(bytes.subarray(1, 1 + length)), rest: bytes.subarray(1 + length) };
}

/** An id as the key of a map. */
export function keyOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
