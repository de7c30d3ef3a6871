/** What a node of the bench is told in the first line of its stdin, as JSON; byte strings are base64. */
export interface NodeTask {
  readonly role: "sender" | "receiver";
  readonly compress: boolean;
  /** Null: nothing is encrypted. */
  readonly key: string | null;
  /** `udpBufferSize` */
  readonly buffer: number;
  /** Sent in turn; the first byte of each is its index. */
  readonly payloads: readonly string[];
  /** Of the receiver; 0 for the receiver itself. */
  readonly port: number;
  /** Packets per second; 0: as fast as backpressure lets them out. */
  readonly rate: number;
}

/** The answer to each further line (`mark`, or `stop`, upon which a sender sends no more). The first answer is `{port}`. */
export interface Mark {
  /** Messages handed to the library, or delivered whole to the delegate. */
  readonly count: number;
  /** Messages delivered that are not as they were sent. */
  readonly bad: number;
  /** CPU time of the process, in microseconds. */
  readonly cpu: number;
  /** On the node's own clock, in ms. */
  readonly at: number;
}
