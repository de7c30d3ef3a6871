/** The messages (PROTOCOL.md section 1). Addresses are literal IPs as strings; "" where the field is absent. How each is written: schema.ts. */

export interface Ping {
  seqNo: number;
  node: string;
  sourceAddr: string;
  sourcePort: number;
  sourceNode: string;
}

export interface IndirectPing {
  seqNo: number;
  target: string;
  port: number;
  node: string;
  nack: boolean;
  sourceAddr: string;
  sourcePort: number;
  sourceNode: string;
}

export interface AckResp {
  seqNo: number;
  payload: Uint8Array;
}

export interface NackResp {
  seqNo: number;
}

export interface Suspect {
  incarnation: number;
  node: string;
  from: string;
}

/** `from` equals `node` when the node left on purpose. */
export interface Dead {
  incarnation: number;
  node: string;
  from: string;
}

/** [pMin, pMax, pCur, dMin, dMax, dCur]. Fewer where the peer sent fewer, never more. */
export type Versions = readonly number[];

/**
 * How the address of a member is written. A Go peer compares the bytes: to it 4 and 16 bytes of one IPv4 address are a name conflict, so
 * an address is relayed in the form in which it came.
 */
interface AddressForm {
  /** The IPv4 address takes 16 bytes (IPv4-mapped IPv6) rather than 4; undefined for the usual form, and for IPv6. */
  isMapped?: true | undefined;
}

export interface Alive extends AddressForm {
  incarnation: number;
  node: string;
  addr: string;
  port: number;
  meta: Uint8Array;
  vsn: Versions;
}

export interface PushPullHeader {
  nodes: number;
  userStateLen: number;
  join: boolean;
}

/** One node in a push/pull. `state`: 0 alive, 1 suspect, 2 dead, 3 left; other numbers are ignored, as Go does. */
export interface PushNodeState extends AddressForm {
  name: string;
  addr: string;
  port: number;
  meta: Uint8Array;
  incarnation: number;
  state: number;
  vsn: Versions;
}

/** The header of a user message on a stream. */
export interface UserHeader {
  userMsgLen: number;
}

export interface ErrResp {
  error: string;
}

/** A compressed message. */
export interface Compressed {
  /** 0 is LZW, the only algorithm of the protocol. */
  algo: number;
  buf: Uint8Array;
}
