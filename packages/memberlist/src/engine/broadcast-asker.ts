/** Who asks a delegate's queues for broadcasts, as far as they have to know. */
export interface BroadcastAsker {
  /** What a message and its overhead may take in an otherwise empty packet, in bytes. */
  readonly room: number;
  /** Told of each message, by its size in bytes, that a queue gave up because no packet can hold it. */
  readonly tooLong: (size: number) => void;
}

let asker: BroadcastAsker | undefined;

/**
 * Lets every queue that is asked within `ask`, which must be synchronous, know the asker: `getBroadcasts` has the Go library's
 * arguments, which tell the room that is left in this packet, not whether any packet has room.
 */
export function askedBy<T>(by: BroadcastAsker, ask: () => T): T {
  const before = asker;
  asker = by;
  try {
    return ask();
  } finally {
    asker = before;
  }
}

/** Undefined for a queue that is asked by anybody but the library. */
export function broadcastAsker(): BroadcastAsker | undefined {
  return asker;
}
