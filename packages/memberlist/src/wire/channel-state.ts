import { concatBytes, readU32, writeU32 } from "./bytes.ts";
import { channelNameMaxSize } from "./channel-message.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** The last bytes of a state with a part for channels: 0xc1, then "mls". */
const magic: Uint8Array = new Uint8Array([0xc1, 0x6d, 0x6c, 0x73]);
/** The length of all sections, and the magic bytes. */
export const trailerBytes: number = 4 + magic.length;
/** The most sections of a state. Without a limit, a peer could put millions of them into 20 MiB. */
export const maxSections: number = 1_024;

/** The part of one channel. */
export interface ChannelSection {
  readonly channel: string;
  readonly state: Uint8Array;
}

/** The delegate's state and the sections of channels, as one push/pull carries both. */
export interface SplitState {
  readonly delegateState: Uint8Array;
  /** Encoded; undefined if the peer sent none. */
  readonly sections: Uint8Array | undefined;
  /** The state ends like one with sections, but is malformed. */
  readonly isMalformed: boolean;
}

/** What a section adds to its state, in bytes. */
export function sectionOverhead(channel: string): number {
  return 1 + encodeUtf8(channel).length + 4;
}

export function encodeSections(sections: readonly ChannelSection[]): Uint8Array {
  const parts = sections.flatMap(({ channel, state }) => {
    const name = encodeUtf8(channel);
    const header = new Uint8Array(1 + name.length + 4);
    header[0] = name.length;
    header.set(name, 1);
    writeU32(header, 1 + name.length, state.length);
    return [header, state];
  });
  return concatBytes(...parts);
}

/** @returns undefined if they are malformed. The states are views */
export function decodeSections(bytes: Uint8Array): ChannelSection[] | undefined {
  const sections: ChannelSection[] = [];
  let at = 0;
  while (at < bytes.length) {
    const nameBytes = bytes[at] as number;
    const stateAt = at + 1 + nameBytes + 4;
    if (nameBytes === 0 || nameBytes > channelNameMaxSize) return undefined;
    if (sections.length === maxSections) return undefined;
    // A length that is cut off reads as if zeros followed. Then the state ends after the last byte, too.
    const end = stateAt + readU32(bytes, stateAt - 4);
    if (end > bytes.length) return undefined;
    sections.push({ channel: decodeUtf8(bytes, at + 1, nameBytes), state: bytes.subarray(stateAt, end) });
    at = end;
  }
  return sections;
}

/** The sections follow the delegate's bytes, so that a peer that does not know channels finds those where they always were. */
export function joinState(delegateState: Uint8Array, sections: Uint8Array): Uint8Array {
  if (sections.length === 0) return delegateState;
  const trailer = new Uint8Array(trailerBytes);
  writeU32(trailer, 0, sections.length);
  trailer.set(magic, 4);
  return concatBytes(delegateState, sections, trailer);
}

/** The parts of a state. They are views. */
export function splitState(state: Uint8Array): SplitState {
  const trailerAt = state.length - trailerBytes;
  const whole = { delegateState: state, sections: undefined };
  if (trailerAt < 0 || magic.some((byte, i) => state[trailerAt + 4 + i] !== byte)) return { ...whole, isMalformed: false };
  const sectionsAt = trailerAt - readU32(state, trailerAt);
  if (sectionsAt < 0 || sectionsAt === trailerAt) return { ...whole, isMalformed: true };
  const sections = state.subarray(sectionsAt, trailerAt);
  if (decodeSections(sections) === undefined) return { ...whole, isMalformed: true };
  return { delegateState: state.subarray(0, sectionsAt), sections, isMalformed: false };
}
