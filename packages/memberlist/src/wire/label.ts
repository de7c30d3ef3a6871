import { emptyBytes, equalBytes } from "./bytes.ts";
import { messageType } from "./constants.ts";
import { DecodeError } from "./errors.ts";

/** A label, bytes. */
export const labelMaxSize: number = 255;
/** The type byte and the length byte. */
export const labelHeaderSize: number = 2;

export interface LabelledBytes {
  /** Empty without a label header. A view of the packet. */
  label: Uint8Array;
  rest: Uint8Array;
}

/** The bytes that a label adds to a packet: 0 for none. */
export function labelOverhead(label: Uint8Array): number {
  return label.length === 0 ? 0 : labelHeaderSize + label.length;
}

/**
 * The header that a stream starts with (PROTOCOL.md section 4); empty for no label.
 *
 * @throws RangeError over 255 bytes
 */
export function labelHeader(label: Uint8Array): Uint8Array {
  return addLabel(emptyBytes, label);
}

/**
 * The packet behind a label header; the packet itself for no label.
 *
 * @throws RangeError over 255 bytes
 */
export function addLabel(packet: Uint8Array, label: Uint8Array): Uint8Array {
  if (label.length === 0) return packet;
  const labelled = new Uint8Array(labelHeaderSize + label.length + packet.length);
  labelled.set(packet, writeLabel(labelled, label));
  return labelled;
}

/** Writes the header at the start of `target` and returns where it ends: 0 for no label. */
export function writeLabel(target: Uint8Array, label: Uint8Array): number {
  if (label.length === 0) return 0;
  if (label.length > labelMaxSize) throw new RangeError(`a label of ${label.length} bytes; at most ${labelMaxSize}`);
  target[0] = messageType.hasLabel;
  target[1] = label.length;
  target.set(label, labelHeaderSize);
  return labelHeaderSize + label.length;
}

/**
 * Takes the label off a packet.
 *
 * @throws DecodeError `bad_label` when the header is cut off or its label is empty
 */
export function splitLabel(packet: Uint8Array): LabelledBytes {
  if (packet[0] !== messageType.hasLabel) return { label: emptyBytes, rest: packet };
  const size = packet[1];
  if (size === 0) throw new DecodeError("bad_label", "a label header with an empty label");
  if (size === undefined || packet.length < labelHeaderSize + size) throw new DecodeError("bad_label", "a label cut off");
  return { label: packet.subarray(labelHeaderSize, labelHeaderSize + size), rest: packet.subarray(labelHeaderSize + size) };
}

/**
 * Checks the label that a packet or a stream came with.
 *
 * @param isRemovedBefore `skipInboundLabelCheck`: a front-end has taken our label off, so that one that is still there is an error
 * @throws DecodeError `double_label`, `label_mismatch`
 */
export function checkLabel(label: Uint8Array, ours: Uint8Array, isRemovedBefore: boolean, of: "packet" | "stream"): void {
  if (isRemovedBefore) {
    if (label.length === 0) return;
    throw new DecodeError("double_label", `a ${of} with a label, but skipInboundLabelCheck says that labels were removed before`);
  }
  if (!equalBytes(label, ours)) throw new DecodeError("label_mismatch", `the label of the ${of} differs from ours`);
}
