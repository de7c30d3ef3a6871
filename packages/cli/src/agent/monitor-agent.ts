import type { StatusEvent } from "@memberlist/status";
import { exitCodes } from "../exit-codes.ts";
import { interruption } from "../interruption.ts";
import type { Io } from "../terminal/io.ts";
import { agentFetch } from "./agent-fetch.ts";
import { eventLine } from "./describe-event.ts";
import { readServerSentEvents } from "./server-sent-events.ts";

/** `memberlist monitor --agent`: prints the events of a running agent, the last ones first. */
export async function monitorAgent(url: string, token: string | undefined, json: boolean, io: Io): Promise<number> {
  const stop = interruption(io);
  const print = (event: StatusEvent): void => (json ? io.json(event) : io.line(eventLine(event, io.paint)));
  try {
    const response = await agentFetch(url, "events", token, { signal: stop, headers: { accept: "text/event-stream" } });
    if (response.body !== null) await printEvents(response.body, print);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  if (stop.aborted) return exitCodes.ok;
  io.error(`${url}: the agent was shut down`);
  return exitCodes.unreachable;
}

/** Until the agent ends, in one way or another. */
async function printEvents(body: ReadableStream<Uint8Array>, print: (event: StatusEvent) => void): Promise<void> {
  // A reader that was too slow gets the whole state again.
  let isFirst = true;
  try {
    for await (const { type, data } of readServerSentEvents(body)) {
      if (type === "status" && isFirst) for (const event of (JSON.parse(data) as { events: StatusEvent[] }).events) print(event);
      if (type === "event") print((JSON.parse(data) as { event: StatusEvent }).event);
      if (type === "end") return;
      isFirst = false;
    }
  } catch (error) {
    // What fetch throws when the connection breaks, or the signal is aborted.
    if (error instanceof TypeError || (error as Error).name === "AbortError") return;
    throw error;
  }
}
