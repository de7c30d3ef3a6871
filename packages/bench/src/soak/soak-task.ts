/** What a member of the soak is started with. */
export interface SoakTask {
  readonly name: string;
  /** In base64. */
  readonly key: string;
  /** Broadcasts a second. */
  readonly rate: number;
}

/** What it is asked to do. */
export type SoakOrder =
  | { readonly do: "join"; readonly addresses: readonly string[] }
  | { readonly do: "work" }
  | { readonly do: "measure" }
  | { readonly do: "snapshot"; readonly file: string };

/** How it stands. */
export interface SoakMark {
  /** In bytes, after several collections. */
  readonly heap: number;
  /** In bytes: how much of it V8 has compiled, and keeps beside that. */
  readonly code: number;
  /** In bytes: what lies outside of the heap (buffers). */
  readonly external: number;
  readonly members: number;
  /** So far. */
  readonly broadcasts: number;
  readonly received: number;
  readonly reliable: number;
  readonly updates: number;
  /** Sends and updates that failed. */
  readonly failures: number;
}
