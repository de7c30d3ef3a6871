/** Stores a node's state for its next start as one string. The transport packages have `fileStore`. */
export interface Store {
  /** The last saved string; undefined if nothing was saved. */
  load(): Promise<string | undefined>;
  /** Replaces the saved string atomically: after a crash the store has the old or the new one. Never called twice at a time. */
  save(text: string): Promise<void>;
}
