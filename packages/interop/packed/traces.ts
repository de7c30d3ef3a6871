import { tracingChannel } from "node:diagnostics_channel";

/** Rejects unless the members that `run` starts report each of the operations from its start to its end. */
export async function tracing(names: readonly string[], run: () => Promise<void>): Promise<void> {
  const started = new Set<string>();
  const ended = new Set<string>();
  const ignore = (): void => undefined;
  for (const name of names) {
    const start = (): void => void started.add(name);
    const asyncEnd = (): void => void ended.add(name);
    tracingChannel(`memberlist:${name}`).subscribe({ start, end: ignore, asyncStart: ignore, asyncEnd, error: ignore });
  }
  await run();
  for (const name of names) {
    if (!started.has(name) || !ended.has(name)) throw new Error(`the channel memberlist:${name} did not report an operation`);
  }
}
