/** Where a node keeps what it needs after a restart: one text. The transport packages have `fileStore`. */
export interface Store {
  /** What was saved last; undefined where nothing was. */
  load(): Promise<string | undefined>;
  /** Replaces it, all or nothing: a process that dies in the middle leaves what was there before. Never called twice at a time. */
  save(text: string): Promise<void>;
}
