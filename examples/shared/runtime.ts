import type { Config, Memberlist } from "@memberlist/core";

/** What an example needs of Node, Deno or Bun. */
export interface Runtime {
  readonly createMemberlist: (config: Config) => Promise<Memberlist>;
  /** What the command line says behind the program. */
  readonly args: readonly string[];
  /** Aborts when the program is asked to end: Ctrl-C, or a SIGTERM. */
  readonly stop: AbortSignal;
  /** The lines of stdin, until it ends or the program is asked to. */
  lines(): AsyncIterable<string>;
}

export type Example = (runtime: Runtime) => Promise<void>;
