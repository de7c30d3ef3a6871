import type { StatusEvent } from "@memberlist/status";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { exitCodes } from "../exit-codes.ts";
import { interruption } from "../interruption.ts";
import type { Io } from "../terminal/io.ts";
import { agentFetch } from "./agent-fetch.ts";
import { printEvent } from "./print-event.ts";

export interface MonitorAgentRequest {
  readonly url: string;
  readonly token: string | undefined;
  readonly json: boolean;
  /** Print log lines of level info and above, too. */
  readonly logs: boolean;
}

/** The longest event, in characters: a status of 100,000 members has about half of it. */
const maxEvent = 64 * 1024 * 1024;

/** The codes of log lines that repeat an event. */
const repeated: ReadonlySet<string> = new Set([
  "suspect",
  "marked_dead",
  "refute",
  "name_conflict",
  "event_loop_blocked",
  "address_lost",
  "application_unresponsive",
  "thread_failed",
  "isolated",
  "healed",
]);

function isRepeated({ code, fields }: Extract<StatusEvent, { readonly type: "log" }>): boolean {
  return repeated.has(code) || fields["reason"] === "label_mismatch";
}

/** `memberlist monitor --agent`: prints the recent events of a running agent, and then each new one. */
export async function monitorAgent({ url, token, json, logs }: MonitorAgentRequest, io: Io): Promise<number> {
  const stop = interruption(io);
  const waiting: StatusEvent[] = [];
  const flush = (): void => {
    for (const event of waiting.splice(0).toSorted((a, b) => a.at - b.at)) printEvent(event, json, io);
  };
  const add = (event: StatusEvent): void => {
    if (event.type === "log" && (!logs || event.level === "debug" || isRepeated(event))) return;
    waiting.push(event);
    // The agent sends log lines only before its next update. With --logs, events wait for that update, so that all lines are in order.
    if (!logs) flush();
  };
  let isShutDown = false;
  try {
    const response = await agentFetch(url, "events", token, { signal: stop, headers: { accept: "text/event-stream" } });
    if (response.body !== null) isShutDown = await readEvents(response.body, add, flush);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  flush();
  if (stop.aborted) return exitCodes.ok;
  io.error(`${url}: ${isShutDown ? "the agent was shut down" : "the connection broke: check that the agent still runs"}`);
  return exitCodes.unreachable;
}

/**
 * Reads events until the agent is shut down, the connection breaks or the request is aborted.
 *
 * @returns whether the agent was shut down
 */
async function readEvents(
  body: ReadableStream<ArrayBufferView | ArrayBuffer>,
  add: (event: StatusEvent) => void,
  onUpdate: () => void,
): Promise<boolean> {
  // A client that was too slow gets the whole status again.
  let isFirst = true;
  try {
    const messages = body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream({ maxBufferSize: maxEvent }));
    for await (const { event: type, data } of messages) {
      if (type === "status" && isFirst) for (const event of (JSON.parse(data) as { events: StatusEvent[] }).events) add(event);
      if (type === "event") add((JSON.parse(data) as { event: StatusEvent }).event);
      else onUpdate();
      if (type === "end") return true;
      isFirst = false;
    }
  } catch (error) {
    // The body throws these errors if the connection breaks or the signal is aborted.
    if (!(error instanceof TypeError) && (error as Error).name !== "AbortError") throw error;
  }
  return false;
}
