/** One end of the channel between an application and the thread of its member. It clones what is posted, as `structuredClone` does. */
export interface ThreadPort {
  /** @param transfer buffers that the other end takes over */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Starts delivery. Called once; what has arrived before is delivered, too. */
  listen(onMessage: (message: unknown) => void): void;
}

/** A thread that runs {@link serveMember}. */
export interface MemberThread {
  readonly port: ThreadPort;
  /** Resolves once the thread has ended, with the cause if it is known. Never rejects. */
  readonly ended: Promise<unknown>;
  /** Ends the thread. Resolves once it has ended. Never rejects; may be called twice. */
  terminate(): Promise<void>;
}

/**
 * Starts a thread.
 *
 * @throws MemberlistError `thread_unavailable` where there can be none
 */
export type StartThread = () => Promise<MemberThread>;
