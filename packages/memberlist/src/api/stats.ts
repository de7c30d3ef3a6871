/** What a node has sent and received since it was created. Bytes are those on the wire: compressed, encrypted, labelled. */
export interface Traffic {
  /** Packets sent. */
  readonly packetsSent: number;
  /** Bytes of the sent packets. */
  readonly packetBytesSent: number;
  /** Rejected packets included. */
  readonly packetsReceived: number;
  /** Bytes of the received packets. */
  readonly packetBytesReceived: number;
  /** Streams that this node opened, for push/pulls, reliable messages and stream pings. */
  readonly streamsOpened: number;
  /** Streams that other nodes opened, refused ones included. */
  readonly streamsAccepted: number;
  /** Bytes written to streams. */
  readonly streamBytesSent: number;
  /** Bytes read from streams. */
  readonly streamBytesReceived: number;
}

/** What waits in a node's queues now. */
export interface QueueLengths {
  /** Membership updates to gossip: as `numQueuedBroadcasts()`. */
  readonly membership: number;
  /** Messages of `broadcast()` to gossip. */
  readonly user: number;
  /** The bytes of those messages. */
  readonly userBytes: number;
  /** Received messages that were not handled yet; at most `handoffQueueDepth` alive messages, and as many others. */
  readonly received: number;
}
