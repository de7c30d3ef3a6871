import { createMemberlist } from "@memberlist/transport-deno";
import type { Example } from "../shared/runtime.ts";

/** Runs an example on Deno. */
export async function start(example: Example): Promise<void> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Windows has no SIGTERM.
    if (signal === "SIGINT" || Deno.build.os !== "windows") Deno.addSignalListener(signal, end);
  }
  let exitCode = 0;
  try {
    await example({ createMemberlist, args: Deno.args, stop: stop.signal, lines: () => lines(stop.signal) });
  } catch (error) {
    console.error(String(error));
    exitCode = 1;
  }
  Deno.exit(exitCode);
}

async function* lines(signal: AbortSignal): AsyncIterable<string> {
  const reader = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  const stopped = new Promise<{ readonly value: undefined }>((resolve) =>
    signal.addEventListener("abort", () => resolve({ value: undefined }), { once: true }),
  );
  let rest = "";
  for (;;) {
    const { value } = await Promise.race([reader.read(), stopped]);
    if (value === undefined) break;
    const parts = (rest + value).split(/\r?\n/);
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "" && !signal.aborted) yield rest;
}
