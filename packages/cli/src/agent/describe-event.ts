import type { LeaveCause, MemberEvent, SuspectCause } from "@memberlist/core";
import type { StatusEvent } from "@memberlist/status";
import { printable, type Io } from "../terminal/io.ts";
import { rounded, type Paint, type Style } from "../terminal/text.ts";
import { formatAddress } from "@memberlist/core/transport";

const styles: Readonly<Record<string, Style>> = {
  join: "green",
  alive: "green",
  healed: "green",
  update: "cyan",
  leave: "cyan",
  failed: "red",
  warn: "yellow",
  error: "red",
  suspect: "yellow",
  refute: "yellow",
  conflict: "red",
  isolated: "red",
};

/** The event with nodes and errors in short, as a status page has it and as JSON shows it. */
export function plainEvent(event: MemberEvent): StatusEvent {
  const text = JSON.stringify(event, (_key, value: unknown) => {
    if (typeof value !== "object" || value === null) return value;
    if (value instanceof Error) return { message: value.message };
    if (!("incarnation" in value && "addr" in value && "port" in value && "name" in value)) return value;
    const { name, addr, port, incarnation } = value;
    const state = "state" in value ? value.state : undefined;
    return { name, address: formatAddress({ host: String(addr), port: Number(port) }), state, incarnation };
  });
  return JSON.parse(text) as StatusEvent;
}

/** As a line, or as one JSON value: the time is ISO 8601 in both, and numbers have at most three decimals. */
export function printEvent(event: StatusEvent, json: boolean, io: Io): void {
  if (!json) return io.line(eventLine(event, io.paint));
  const text = JSON.stringify({ ...event, at: new Date(event.at).toISOString() }, (_key, value: unknown) =>
    typeof value === "number" ? rounded(value) : value,
  );
  io.write(`${text}\n`);
}

/** One line for people: when, what, who, and why. */
export function eventLine(event: StatusEvent, paint: Paint): string {
  const at = new Date(event.at).toISOString();
  const type = typeOf(event);
  return `${paint("dim", at)} ${paint(styles[type] ?? "dim", printable(type).padEnd(8))} ${printable(what(event))}`;
}

/** A member that died failed, as Serf calls it; only one that ended on purpose left. */
function typeOf(event: StatusEvent): string {
  if (event.type === "log") return event.level;
  return event.type === "leave" && event.node.state !== "left" ? "failed" : event.type;
}

function what(event: StatusEvent): string {
  switch (event.type) {
    case "join":
    case "update":
    case "alive":
      return `${event.node.name} at ${event.node.address}`;
    case "suspect":
      return `${event.node.name}, by ${event.from}: ${suspectCause(event.cause)}`;
    case "leave":
      return `${event.node.name} at ${event.node.address}${leaveCause(event.cause)}`;
    case "refute":
      return event.from === "" ? "an outdated message about this node" : `a suspicion of this node by ${event.from}`;
    case "conflict":
      return `${event.node.name} is used by ${event.node.address} and ${event.other.address}`;
    case "event_loop_blocked":
      return `timers were ${Math.round(event.late)} ms late`;
    case "address_lost":
      return `this machine no longer has ${event.address}`;
    case "isolated":
      return `nobody else is alive; trying ${event.lost} lost members and ${event.seeds} seeds`;
    case "healed":
      return `members are back: ${event.members}`;
    case "label_mismatch":
      return `${event.from} sent a ${event.over} with the label ${JSON.stringify(event.label)}`;
    case "queue_full":
      return `${event.count} broadcasts wait`;
    default:
      return `${event.message} [${event.code}]`;
  }
}

type Plain<T> = T extends object ? { readonly [Key in keyof T]: Plain<T[Key]> } : T;

function suspectCause(cause: Plain<SuspectCause>): string {
  switch (cause.code) {
    case "probe_failed": {
      const indirect =
        cause.indirect.length === 0
          ? "nobody else could be asked"
          : `${cause.indirect.join(", ")} got none either (${cause.nacks} of ${cause.nacksExpected} said so)`;
      const stream = cause.stream === "failed" ? ", and not over TCP" : "";
      return `${cause.direct === "no_ack" ? "no ack" : "the ping could not be sent"}; ${indirect}${stream}`;
    }
    case "accused":
      return `${cause.from} could not reach it`;
    default:
      return `a push/pull lists it as ${cause.state}`;
  }
}

function leaveCause(cause: Plain<LeaveCause>): string {
  switch (cause.code) {
    case "left":
      return "";
    case "declared_dead":
      return `: declared dead by ${cause.from}`;
    default:
      return `: suspect for ${Math.round(cause.suspectFor)} ms without a refutation, accused by ${cause.accusers.join(", ")}`;
  }
}
