import type { StatusCause, StatusEvent } from "./document.ts";
import { formatBytes, formatDuration, readable } from "./readable.ts";

/** A sentence about an event, for people. */
export interface Description {
  readonly tone: "good" | "warn" | "bad" | "plain";
  readonly text: string;
}

type EventOf<Type extends StatusEvent["type"]> = Extract<StatusEvent, { readonly type: Type }>;

export function describeEvent(event: StatusEvent): Description {
  switch (event.type) {
    case "join":
      return { tone: "good", text: `${nameOf(event)} joined at ${event.node.address}` };
    case "leave":
      return event.cause.code === "left"
        ? { tone: "plain", text: `${nameOf(event)} left` }
        : { tone: "bad", text: `${nameOf(event)} is dead: ${describeCause(event.cause)}` };
    case "update":
      return { tone: "plain", text: `${nameOf(event)} changed its metadata` };
    case "suspect":
      return { tone: "warn", text: `${nameOf(event)} is suspect: ${describeCause(event.cause)}` };
    case "alive":
      return { tone: "good", text: `${nameOf(event)} is alive: it refuted the suspicion` };
    case "refute":
      return { tone: "warn", text: describeRefute(event) };
    case "conflict":
      return {
        tone: "bad",
        text: `${event.other.address} uses the name ${nameOf(event)} of ${event.node.address}${more(event)}`,
      };
    case "event_loop_blocked":
      return { tone: "warn", text: `the event loop was blocked: timers fired ${formatDuration(event.late)} late` };
    case "application_unresponsive":
      return {
        tone: "bad",
        text: `the application was blocked for ${formatDuration(event.silentFor)}: this node does not answer until the application runs again`,
      };
    case "thread_failed":
      return { tone: "bad", text: `the thread of this node has ended: ${event.error.message}` };
    case "address_lost":
      return {
        tone: "bad",
        text: `the machine has lost the advertised address ${event.address}: other members cannot reach this node`,
      };
    case "isolated":
      return {
        tone: "bad",
        text: `isolated: no other member is alive; trying ${count(event.lost, "dead member")} and ${count(event.seeds, "seed")}`,
      };
    case "healed":
      return { tone: "good", text: describeHealed(event) };
    case "label_mismatch":
      return {
        tone: "warn",
        text: `a ${event.over} from ${readable(event.from)} has the wrong label ${JSON.stringify(readable(event.label))}${more(event)}`,
      };
    case "queue_full":
      return {
        tone: "warn",
        text: `the queue of broadcasts is full (${count(event.count, "message")}, ${formatBytes(event.bytes)}): ${event.policy}${more(event)}`,
      };
    case "log":
      return {
        tone: event.level === "error" ? "bad" : event.level === "warn" ? "warn" : "plain",
        text: `${event.code}: ${readable(event.message, 500)}`,
      };
    default:
      return { tone: "plain", text: readable((event as { readonly type: string }).type) };
  }
}

/** Describes the cause for which a member is suspect, dead or left. */
export function describeCause(cause: StatusCause): string {
  switch (cause.code) {
    case "left":
      return "it left";
    case "accused":
      return `${readable(cause.from)} could not reach it`;
    case "push_pull":
      return `the peer of a push/pull has it as ${cause.state}`;
    case "declared_dead":
      return `${readable(cause.from)} declared it dead${cause.suspicion === undefined ? "" : `; before, ${describeCause(cause.suspicion)}`}`;
    case "suspicion_timeout": {
      const before = cause.suspicion === undefined ? "" : `; ${describeCause(cause.suspicion)}`;
      return `it did not refute within ${formatDuration(cause.suspectFor)}; suspected by ${names(cause.accusers)}${before}`;
    }
    case "probe_failed": {
      const direct = cause.direct === "send_failed" ? "the ping could not be sent" : "no ack to a ping";
      const { indirect, nacks, nacksExpected } = cause;
      const relayed = indirect.length === 0 ? "" : `, nor through ${names(indirect)} (${nacks} of ${nacksExpected} sent a nack)`;
      const stream = cause.stream === "failed" ? ", nor over a stream" : "";
      return `${direct}${relayed}${stream}`;
    }
    default:
      return readable((cause as { readonly code: string }).code);
  }
}

function describeRefute(event: EventOf<"refute">): string {
  return event.from === ""
    ? "this node refuted an outdated message about itself"
    : `this node refuted a suspicion of ${readable(event.from)}`;
}

function describeHealed({ members, via }: EventOf<"healed">): string {
  const how = via === undefined ? "another member found this node" : `reached ${readable(via.node ?? via.seed ?? via.address)}`;
  return `healed: ${how}; ${count(members, "member")}`;
}

function nameOf({ node }: { readonly node: { readonly name: string } }): string {
  return readable(node.name);
}

function names(list: readonly string[]): string {
  const shown = list.slice(0, 5).map((name) => readable(name, 60));
  return list.length > shown.length ? `${shown.join(", ")} and ${list.length - shown.length} more` : shown.join(", ");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function more({ suppressed }: { readonly suppressed: number }): string {
  return suppressed === 0 ? "" : ` (and ${suppressed} more)`;
}
