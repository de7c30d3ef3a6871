/** How long a caller waits. */
export interface WaitOptions {
  /** In ms; 0 waits without end. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/** Of {@link Memberlist.ready}. */
export interface ReadyOptions extends WaitOptions {
  /** How many members there must be, ourselves included; from 1. Default 2: not alone. */
  readonly members?: number;
}

/** Of {@link Memberlist.updateNode}. */
export interface UpdateNodeOptions extends WaitOptions {
  /** The new metadata. Default: what the delegate's `nodeMeta` gives, or else what it was. */
  readonly meta?: Uint8Array;
}

/** What {@link Memberlist.setGossipVerify} changes; what is left out stays as it is. */
export interface GossipVerify {
  /** As `gossipVerifyIncoming` of the config: refuse what arrives in plaintext. */
  readonly incoming?: boolean;
  /** As `gossipVerifyOutgoing` of the config: encrypt what is sent. */
  readonly outgoing?: boolean;
}
