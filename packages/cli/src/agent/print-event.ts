import { escapeControls } from "@memberlist/core/internal";
import type { StatusEvent } from "@memberlist/status";
import { describeEvent, type Description } from "@memberlist/status/internal";
import type { Io } from "../terminal/io.ts";
import { rounded, type Paint, type Style } from "../terminal/text.ts";

const styles: Readonly<Record<Description["tone"], Style>> = { good: "green", warn: "yellow", bad: "red", plain: "cyan" };

/** Prints an event as a line or as JSON. Times are ISO 8601; numbers in JSON have at most three decimals. */
export function printEvent(event: StatusEvent, json: boolean, io: Io): void {
  if (!json) return io.line(eventLine(event, io.paint));
  const text = JSON.stringify({ ...event, at: new Date(event.at).toISOString() }, (_key, value: unknown) =>
    typeof value === "number" ? rounded(value) : value,
  );
  io.write(`${text}\n`);
}

/** Formats an event as a line for people: the time, the type and a sentence. */
export function eventLine(event: StatusEvent, paint: Paint): string {
  const { tone, text } = describeEvent(event);
  const type = escapeControls(typeOf(event)).padEnd(8);
  return `${paint("dim", new Date(event.at).toISOString())} ${paint(styles[tone], type)} ${escapeControls(text)}`;
}

/** Returns the type as Serf writes it: "failed" for a member that died, "leave" for one that left. */
function typeOf(event: StatusEvent): string {
  if (event.type === "log") return event.level;
  return event.type === "leave" && event.node.state !== "left" ? "failed" : event.type;
}
