/** Members that are there only by what they say, in the wire form of the member under test: the rest of its cluster. */
export interface Peers {
  readonly size: number;
  /** Packets that have come in. */
  packets(): Promise<number>;
  /** A push/pull with a member: it then knows all of them, or the first `count`. Resolves when the member has ended it. */
  pushPull(port: number, count?: number): Promise<void>;
  /** All of them announce at once that they are alive, in full packets. */
  storm(port: number): Promise<void>;
  /** The next one pings the member. */
  ping(port: number, name: string): Promise<void>;
  close(): Promise<void>;
}
