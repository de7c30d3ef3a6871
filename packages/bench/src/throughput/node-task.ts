/** The orders of a node of the bench, in the first line of its stdin, as JSON; byte strings are base64. */
export interface NodeTask {
  readonly role: "sender" | "receiver";
  readonly compress: boolean;
  /** Null: no encryption. */
  readonly key: string | null;
  /** `udpBufferSize` */
  readonly buffer: number;
  /** Sent in turn; the first byte of each is its index. */
  readonly payloads: readonly string[];
  /** Where the receiver listens for packets and streams; 0 for the receiver itself. */
  readonly port: number;
  /** Where the receiver reports its count (see acks.ts); 0 for the receiver itself. */
  readonly acks: number;
}

/** The receiver's answer to its task: the ports that the sender's task has; a sender's ports are 0. */
export interface NodePorts {
  readonly port: number;
  readonly acks: number;
}

/** Each further line of stdin, as JSON; the answer is a {@link Mark}. A sender waits for its first order. */
export interface Order {
  /** Messages that may be on their way unacknowledged; for a receiver: a share of them is what it counts between two acknowledgements. */
  readonly window?: number;
  /** Messages per second, whatever is acknowledged; 0: as many as the window lets out. */
  readonly rate?: number;
  /** How many goroutines or tasks send; Node, Deno and Bun have one sender. */
  readonly senders?: number;
  /** The sender pauses until the next order. */
  readonly stop?: true;
  /** The sender only sends each payload once to this port. */
  readonly tap?: number;
}

export interface Mark {
  /** Messages handed to the library, or delivered whole to the delegate. */
  readonly count: number;
  /** Messages delivered that are not as they were sent. */
  readonly bad: number;
  /** Packets that a receiver has had from the kernel; 0 where the node does not know. */
  readonly packets: number;
  /** CPU time of the process, in microseconds. */
  readonly cpu: number;
  /** CPU time of the application's thread, in microseconds; missing where the node does not know. */
  readonly threadCpu?: number;
  /** On the node's own clock, in ms. */
  readonly at: number;
}
