/** The rest of the cluster of a member under test: simulated members, in the wire form of that member. */
export interface Peers {
  readonly size: number;
  /** Returns how many packets the peers have received so far. */
  packets(): Promise<number>;
  /** Starts a push/pull that gives a member all peers, or the first `count`. Resolves when the member has closed the stream. */
  pushPull(port: number, count?: number): Promise<void>;
  /** Sends a member the alive messages of all peers at once, in full packets. */
  storm(port: number): Promise<void>;
  /** Pings a member from the next peer. */
  ping(port: number, name: string): Promise<void>;
  close(): Promise<void>;
}
