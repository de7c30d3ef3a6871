/** One end of the channel between an application and the thread of its member. It clones messages, as `structuredClone` does. */
export interface ThreadPort {
  /** @param transfer buffers that the other end takes over */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Starts delivery, also of messages that have arrived before. Called once. */
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
 * @throws MemberlistError `thread_unavailable` if the process cannot start one
 */
export type StartThread = () => Promise<MemberThread>;
