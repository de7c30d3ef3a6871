/** How a member runs: on the event loop of its application, or in a thread of its own. */
export type Mode = "loop" | "thread";

/** The orders of an application, in the first line of its stdin, as JSON. */
export interface ApplicationTask {
  readonly mode: Mode;
  readonly name: string;
  /** Base64; null: no encryption. */
  readonly key: string | null;
  /** The member sends a state of 20 MiB in its push/pulls. */
  readonly hasState: boolean;
  /** In ms. Default: that of `lanConfig()`. */
  readonly probeInterval?: number;
  /** In ms. */
  readonly pushPullInterval?: number;
  /** In ms. */
  readonly tcpTimeout?: number;
}

/** Each further line of stdin, as JSON. The answer is an {@link ApplicationMark}. */
export type ApplicationOrder =
  | { readonly do: "mark" }
  | { readonly do: "join"; readonly address: string }
  /** Blocks the event loop of the application for `ms`. */
  | { readonly do: "block"; readonly ms: number };

export interface ApplicationMark {
  /** Where the member listens. */
  readonly port: number;
  readonly members: number;
  /** How long `createMemberlist` took, in ms. */
  readonly started: number;
  /** Resident memory of the process, in bytes. */
  readonly rss: number;
  /** Since the last mark: how long after a change of metadata was sent the application was notified, in ms each. */
  readonly notified: readonly number[];
}
