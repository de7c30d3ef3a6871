/** A failed probe of this node: the direct ping, the indirect pings and the stream ping. Source: PROTOCOL.md section 6. */
export interface ProbeFailed {
  /** The kind of the cause. */
  readonly code: "probe_failed";
  /** The direct ping could not be sent, or no ack arrived within `probeTimeout`. */
  readonly direct: "no_ack" | "send_failed";
  /** The names of the members that were asked to ping it, and relayed no ack. */
  readonly indirect: readonly string[];
  /** How many of them answered that they got no ack. A number far below `nacksExpected` suggests that this node has the fault. */
  readonly nacks: number;
  /** How many of them can send a nack. */
  readonly nacksExpected: number;
  /** The stream (TCP) ping failed, or was not tried (`disableTcpPings`, or the peer is too old for it). */
  readonly stream: "failed" | "not_tried";
  /** From the direct ping to the suspicion, in ms. */
  readonly elapsed: number;
  /** Its earlier round-trip time, in ms (see `MemberInfo.rtt`); undefined if it never answered. */
  readonly rtt: number | undefined;
}

/** Why a member is suspect. */
export type SuspectCause =
  | ProbeFailed
  /** `from` could not reach it, and broadcast a suspect message. */
  | { readonly code: "accused"; readonly from: string }
  /** The peer of a push/pull holds it for suspect or dead. */
  | { readonly code: "push_pull"; readonly state: "suspect" | "dead" };

/** Why a member is dead, or has left. */
export type LeaveCause =
  /** It broadcast that it leaves. */
  | { readonly code: "left" }
  /** `from` declared it dead. `suspicion` is the cause of this node's earlier suspicion, if any. */
  | { readonly code: "declared_dead"; readonly from: string; readonly suspicion: SuspectCause | undefined }
  | SuspicionTimeout;

/** This node's suspicion timed out, and the member did not refute it. */
export interface SuspicionTimeout {
  /** The kind of the cause. */
  readonly code: "suspicion_timeout";
  /** The cause of the suspicion; undefined if it is unknown. */
  readonly suspicion: SuspectCause | undefined;
  /** The names of the members that accused it, the first one first. */
  readonly accusers: readonly string[];
  /** How many accusers beyond the first shorten the suspicion to its minimum. */
  readonly confirmationsWanted: number;
  /** How long the member was suspect, in ms. */
  readonly suspectFor: number;
}
