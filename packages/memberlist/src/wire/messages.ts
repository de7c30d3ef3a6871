/** The bodies of the messages (PROTOCOL.md section 1). Addresses are literal IPs as text; "" where the field is absent. */

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

/** [pMin, pMax, pCur, dMin, dMax, dCur]; may be shorter when a peer sent fewer. */
export type Versions = readonly number[];

export interface Alive {
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
export interface PushNodeState {
  name: string;
  addr: string;
  port: number;
  meta: Uint8Array;
  incarnation: number;
  state: number;
  vsn: Versions;
}

export interface ErrResp {
  error: string;
}
