import { spawn } from "node:child_process";
import process from "node:process";
import type { Writable } from "node:stream";
import type { MemberEvent, Node } from "@memberlist/core";
import { errorMessage } from "@memberlist/core/internal";
import { UsageError } from "../exit-codes.ts";
import { metadataFields } from "../metadata.ts";

/** The events of Serf's handlers that memberlist also has. */
const handlerEvents = ["member-join", "member-leave", "member-failed", "member-update", "user"] as const;
type HandlerEvent = (typeof handlerEvents)[number];

/** A command and the events that start it. */
export interface EventHandler {
  readonly events: ReadonlySet<HandlerEvent>;
  readonly command: string;
}

/** The number of events that may wait for a handler. Further events are dropped. */
const maxWaiting = 1_000;

/**
 * Parses `member-join,user=./handle.sh`, or a command alone, which runs on all events.
 *
 * @throws UsageError
 */
export function parseEventHandler(text: string): EventHandler {
  const [, names, command = text] = /^([a-z*][\w:,*-]*)=(.*)$/su.exec(text) ?? [];
  if (command.trim() === "") throw new UsageError("--event-handler: the command is empty");
  if (names === undefined || names === "*") return { events: new Set(handlerEvents), command };
  const wanted = names.split(",");
  const unknown = wanted.find((name) => !(handlerEvents as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--event-handler: ${unknown} is not an event; the events are ${handlerEvents.join(", ")}`);
  }
  return { events: new Set(wanted as HandlerEvent[]), command };
}

interface Run {
  readonly event: HandlerEvent;
  readonly stdin: string | Uint8Array;
}

/**
 * Runs commands on events as Serf does, one at a time for each handler. The environment has the event. Standard input has a line for the member (name,
 * address, role and tags, separated by tabs), or the bytes of a user message.
 */
export class EventHandlers {
  readonly #handlers: readonly { readonly handler: EventHandler; readonly waiting: Run[]; isRunning: boolean }[];
  readonly #self: () => Node;
  readonly #onProblem: (message: string) => void;

  constructor(handlers: readonly EventHandler[], self: () => Node, onProblem: (message: string) => void) {
    this.#handlers = handlers.map((handler) => ({ handler, waiting: [], isRunning: false }));
    this.#self = self;
    this.#onProblem = onProblem;
  }

  onEvent(event: MemberEvent): void {
    const name = handlerEventOf(event);
    if (name !== undefined && "node" in event) this.#queue({ event: name, stdin: `${memberLine(event.node)}\n` });
  }

  onMessage(message: Uint8Array): void {
    this.#queue({ event: "user", stdin: message });
  }

  #queue(run: Run): void {
    for (const one of this.#handlers) {
      if (!one.handler.events.has(run.event)) continue;
      if (one.waiting.length >= maxWaiting) {
        this.#onProblem(`dropped ${run.event}, because its event handler is too slow: ${one.handler.command}`);
        continue;
      }
      one.waiting.push(run);
      if (!one.isRunning) this.#work(one).catch((error: unknown) => this.#onProblem(String(error)));
    }
  }

  async #work(one: { readonly handler: EventHandler; readonly waiting: Run[]; isRunning: boolean }): Promise<void> {
    one.isRunning = true;
    for (let run = one.waiting.shift(); run !== undefined; run = one.waiting.shift()) {
      const problem = await runCommand(one.handler.command, run, this.#self()).catch(errorMessage);
      if (problem !== undefined) this.#onProblem(`event handler "${one.handler.command}" on ${run.event}: ${problem}`);
    }
    one.isRunning = false;
  }
}

function handlerEventOf(event: MemberEvent): HandlerEvent | undefined {
  switch (event.type) {
    case "join":
      return "member-join";
    case "leave":
      return event.node.state === "left" ? "member-leave" : "member-failed";
    case "update":
      return "member-update";
    default:
      return undefined;
  }
}

/** Formats a member as Serf does. Tabs, line breaks and commas in names and values would break the format, so they are replaced. */
function memberLine(node: Node): string {
  const tags = tagsOf(node);
  const pairs = Object.entries(tags).map(([tag, value]) => `${clean(tag)}=${clean(value)}`);
  return [clean(node.name), node.addr, clean(tags["role"] ?? ""), pairs.join(",")].join("\t");
}

function tagsOf({ meta }: Node): Readonly<Record<string, string>> {
  const fields = Object.entries(metadataFields(meta));
  return Object.fromEntries(fields.map(([field, value]) => [field, typeof value === "string" ? value : JSON.stringify(value)]));
}

function clean(text: string): string {
  return text.replaceAll(/[\p{Cc},]/gu, "_");
}

/** @returns the cause if the command failed */
function runCommand(command: string, { event, stdin }: Run, self: Node): Promise<string | undefined> {
  const tags = tagsOf(self);
  const variables = {
    EVENT: event,
    SELF_NAME: self.name,
    SELF_ROLE: tags["role"] ?? "",
    ...Object.fromEntries(
      Object.entries(tags).map(([tag, value]) => [`TAG_${tag.toUpperCase().replaceAll(/[^A-Z0-9_]/gu, "_")}`, value]),
    ),
  };
  // Each variable has both names, so that handlers for Serf run unchanged. Handlers do not get the agent's secrets.
  const { MEMBERLIST_KEY: _key, MEMBERLIST_HTTP_TOKEN: _token, ...rest } = process.env;
  const env = { ...rest };
  for (const [name, value] of Object.entries(variables)) {
    env[`MEMBERLIST_${name}`] = value;
    env[`SERF_${name}`] = value;
  }
  return new Promise((resolve) => {
    // The command prints to standard error, because standard output has one event per line.
    const child = spawn(command, { shell: true, env, stdio: ["pipe", 2, 2] });
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? `code ${code}`}`));
    // spawn makes no pipe if the process has no free file descriptor; its types do not show this.
    (child.stdin as Writable | undefined)?.on("error", () => undefined).end(stdin);
  });
}
