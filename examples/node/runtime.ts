import { createInterface } from "node:readline";
import { createMemberlist } from "@memberlist/transport-node";
import type { Example } from "../shared/runtime.ts";

/** Runs an example on Node, or on Bun. */
export async function start(example: Example): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  try {
    await example({
      createMemberlist,
      args: process.argv.slice(2),
      stop: stop.signal,
      lines: () => createInterface({ input: process.stdin, signal: stop.signal }),
    });
  } catch (error) {
    console.error(String(error));
    process.exitCode = 1;
  }
  process.off("SIGINT", end).off("SIGTERM", end);
  process.stdin.destroy();
}
