/** The orders of a member under test, in the first line of its stdin, as JSON. The answer is `{port}`. Intervals in ms; 0: never. */
export interface MemberTask {
  readonly name: string;
  readonly compress: boolean;
  /** Base64; null: no encryption. The member also accepts plaintext, so that the bench can talk to it. */
  readonly key: string | null;
  readonly probeInterval: number;
  readonly probeTimeout: number;
  readonly gossipInterval: number;
  readonly gossipNodes: number;
  /** Bytes of the application's state that a push/pull carries. */
  readonly userState: number;
}

/** Each further line, as JSON; the answer is a {@link MemberMark}, or a {@link Timings}. */
export type MemberOrder =
  | { readonly do: "mark" | "reset" | "memory" | "time-codec" }
  | { readonly do: "time-queue"; readonly entries: number }
  | { readonly do: "join"; readonly address: string };

export interface MemberMark {
  readonly members: number;
  /** CPU time of the process, in microseconds. */
  readonly cpu: number;
  /** The longest since `reset` that the event loop did not come by (in Go and Rust: a goroutine or task that sleeps for 1 ms again and again), in ms. */
  readonly stall: number;
  /** From the first to the last join that was reported since `reset`, in ms. */
  readonly joining: number;
  /** Of a `join`: how long it took, in ms. */
  readonly took: number;
  /** Of `memory`: bytes on the heap and outside of it, after garbage collection. */
  readonly memory: number;
}

/** In microseconds each. */
export type Timings = Readonly<Record<string, number>>;
