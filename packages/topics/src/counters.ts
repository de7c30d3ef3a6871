/** Counts since the topics were created. */
export interface TopicsCounters {
  /** Messages that this member published. */
  published: number;
  /** Messages that arrived for the first time, its own included. */
  received: number;
  /** Messages that had arrived before. Copies that gossip brings do not get here: the member counts them as `dropped.channel_duplicate`. */
  duplicates: number;
  /** Messages that this member got by repair, because gossip or a stream had missed it. */
  repaired: number;
  /** Messages that this member sent to repair others. */
  repairs: number;
  /** Messages of others that were never received: they expired, or their publisher ended, before they could be repaired. */
  missed: number;
  /** Messages that were dropped from the store before the retention ended, because of `maxStoredBytes`. */
  evicted: number;
  /** Packets that could not be decoded, messages over `maxPayload`, and copies of a forged message that arrived after the forgery was found. */
  refused: number;
  /** Handlers of subscriptions that threw or rejected. */
  handlerFailed: number;
  /** Messages that a slow async iterator lost. */
  dropped: number;
}

export function noCounts(): TopicsCounters {
  return {
    published: 0,
    received: 0,
    duplicates: 0,
    repaired: 0,
    repairs: 0,
    missed: 0,
    evicted: 0,
    refused: 0,
    handlerFailed: 0,
    dropped: 0,
  };
}
