/** A probe of ours that nobody answered, by all the ways that it took. Source: PROTOCOL.md section 6. */
export interface ProbeFailed {
  readonly code: "probe_failed";
  /** The direct ping: it could not be sent, or no ack came within `probeTimeout`. */
  readonly direct: "no_ack" | "send_failed";
  /** The names of those that were asked to ping it for us. None of them passed an ack on. */
  readonly indirect: readonly string[];
  /** How many of those said that they got no ack either, of how many that can say so. Few of many: the fault may be ours. */
  readonly nacks: number;
  readonly nacksExpected: number;
  /** The ping over a stream (TCP): it failed, or was not tried (`disableTcpPings`, or a peer too old for it). */
  readonly stream: "failed" | "not_tried";
  /** From the direct ping to the verdict, in ms. */
  readonly elapsed: number;
  /** What its round trip was before, in ms (see `MemberInfo.rtt`); undefined where it never answered. */
  readonly rtt: number | undefined;
}

/** Why a member is suspect. */
export type SuspectCause =
  | ProbeFailed
  /** `from` could not reach it, and says so. */
  | { readonly code: "accused"; readonly from: string }
  /** A push/pull brought the state of a peer that holds it for suspect or dead. */
  | { readonly code: "push_pull"; readonly state: "suspect" | "dead" };

/** Why a member is dead, or has left. */
export type LeaveCause =
  /** It said itself that it leaves. */
  | { readonly code: "left" }
  /** `from` has declared it dead; `suspicion` is why we suspected it before, where we did. */
  | { readonly code: "declared_dead"; readonly from: string; readonly suspicion: SuspectCause | undefined }
  | SuspicionTimeout;

/** Our own suspicion ran out, and the member has not contradicted. */
export interface SuspicionTimeout {
  readonly code: "suspicion_timeout";
  readonly suspicion: SuspectCause | undefined;
  /** Who accused it, the first one first. */
  readonly accusers: readonly string[];
  /** How many accusers beyond the first would have made it as short as can be. */
  readonly confirmationsWanted: number;
  /** How long it was suspect, in ms. */
  readonly suspectFor: number;
}
