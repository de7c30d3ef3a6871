import process from "node:process";
import type { Io } from "./terminal/io.ts";

/**
 * Returns a signal that is aborted by Ctrl-C, by SIGTERM, by SIGHUP (the terminal was closed), and when the reader of standard output closes it. A second
 * Ctrl-C ends the process at once.
 */
export function interruption({ closed }: Pick<Io, "closed">): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => stop.abort());
  return AbortSignal.any([stop.signal, closed]);
}
