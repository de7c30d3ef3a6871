import type { Keyring } from "../encryption/keyring.ts";
import type { Limits } from "../config/limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Transport } from "../ports/transport.ts";
import { abortSignal, clockRule, isObject, shape, text, timeout, type Rules } from "../util/value-rules.ts";
import type { WaitOptions } from "./call-options.ts";
import type { Node } from "./node.ts";

/** Options of {@link fetchMembers}. A transport package makes the `transport` itself. */
export interface FetchMembersOptions extends WaitOptions {
  /** What opens the connection and resolves names. It is not shut down. */
  readonly transport: Pick<Transport, "dial" | "resolve" | "resolveSrv" | "crypto">;
  /** The cluster's key, as in the config of a member. */
  readonly secretKey?: Uint8Array;
  /** Several keys, for a cluster whose key is being rotated. */
  readonly keyring?: Keyring;
  /** The cluster's label. Default: none. */
  readonly label?: string;
  /** For the whole call, in ms; the addresses of a seed share it. 0 for no limit but the 10 s of a connection. Default 10 s. */
  readonly timeout?: number;
  /** Bounds on what the peer may send, with the defaults of a member. */
  readonly limits?: Limits;
  /** Default: the runtime's. */
  readonly clock?: Clock;
}

/** What one member knows of its cluster. */
export interface FetchedMembers {
  /** The address that answered, `host:port`. */
  readonly address: string;
  /** All members that it knows, itself, dead ones and ones that left included, in the order of its answer. */
  readonly members: readonly Node[];
  /** The length of the application's state in the answer, in bytes. */
  readonly stateBytes: number;
  /** How many members of the answer are invalid, and were left out. */
  readonly skipped: number;
}

// Marked as pure, so that bundles of applications without fetchMembers omit the rules.
export const fetchMembersRules: Rules<FetchMembersOptions> = {
  transport: /* @__PURE__ */ shape(["dial"], ["resolve", "resolveSrv"]),
  secretKey: { expected: "a Uint8Array", accepts: (value) => value instanceof Uint8Array, secret: true },
  keyring: /* @__PURE__ */ shape(["getKeys", "useKey"]),
  label: /* @__PURE__ */ text("a string"),
  timeout,
  signal: abortSignal,
  limits: { expected: "an object", accepts: isObject },
  clock: clockRule,
};
