import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type AttributeValue,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";

/** The operations that can have spans. */
export type SpanOperation = "join" | "pushPull" | "probe" | "ping" | "sendReliable";

/** Options of {@link traceMemberlist}. */
export interface TraceOptions {
  /** Default: that of the global tracer provider. */
  readonly tracer?: Tracer;
  /** The operations that get spans. Default: `join`, `pushPull`, `probe` and `sendReliable`. A member probes about once a second. */
  readonly operations?: readonly SpanOperation[];
}

/** The messages of the diagnostics channels; see docs/reference/diagnostics.md. */
interface Message {
  readonly direction?: "in" | "out";
  readonly join?: boolean;
  readonly address?: string;
  readonly result?: { readonly answer?: string };
  readonly error?: unknown;
}

/**
 * Makes a span for each later operation of all members in this process. An operation within another, such as a push/pull of a join, is its child. A call
 * of the application is a child of the active span. Probes, periodic push/pulls and push/pulls of other members have no parent. The members must be of
 * `@memberlist/transport-node` or `@memberlist/transport-deno`, which report their operations on diagnostics channels.
 *
 * @returns a function that stops the tracing
 *
 * @example
 * const stop = traceMemberlist({ operations: ["join", "sendReliable"] });
 */
export function traceMemberlist(options: TraceOptions = {}): () => void {
  const { tracer = trace.getTracer("@memberlist/opentelemetry") } = options;
  const { operations = ["join", "pushPull", "probe", "sendReliable"] } = options;
  const parents = new AsyncLocalStorage<Context>();
  const stops = operations.map((operation) => traceOperation(operation, tracer, parents));
  return () => {
    for (const stop of stops) stop();
  };
}

function traceOperation(operation: SpanOperation, tracer: Tracer, parents: AsyncLocalStorage<Context>): () => void {
  const spans = new WeakMap<object, Span>();
  const channel = tracingChannel(`memberlist:${operation}`);
  const begin = (message: object): Context => {
    const parent = parentOf(operation, message, parents.getStore());
    const kind = kindOf(operation, message);
    const span = tracer.startSpan(`memberlist ${operation}`, { kind, attributes: attributesOf(message) }, parent);
    spans.set(message, span);
    return trace.setSpan(parent, span);
  };
  const subscribers = {
    // Operations without a callback, such as probes, do not use the bound store.
    start: (message: object) => void (spans.has(message) || begin(message)),
    end: ignore,
    asyncStart: ignore,
    asyncEnd: (message: object) => finish(message, spans.get(message)),
    error: ignore,
  };
  channel.start.bindStore(parents, begin);
  channel.subscribe(subscribers);
  return () => {
    channel.start.unbindStore(parents);
    channel.unsubscribe(subscribers);
  };
}

function finish(message: Message, span: Span | undefined): void {
  if (span === undefined) return;
  const { error, result } = message;
  span.setAttributes(attributesOf(result ?? {}));
  if (error instanceof Error) {
    span.setAttribute("error.type", "code" in error ? String(error.code) : error.name);
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  } else if (result?.answer === "none") {
    span.setStatus({ code: SpanStatusCode.ERROR, message: "no answer" });
  }
  span.end();
}

/**
 * Returns the parent of a span. Probes, and push/pulls without a join, are the member's own work and have no parent. The member's timers run in the context
 * of `createMemberlist`, or, with a clock of the application, in the context of any call: an active span there would get children forever.
 *
 * @param outer the context of the enclosing operation
 */
function parentOf(operation: SpanOperation, { join }: Message, outer: Context | undefined): Context {
  if (operation === "probe") return ROOT_CONTEXT;
  if (operation !== "pushPull") return context.active();
  return join === true ? (outer ?? context.active()) : ROOT_CONTEXT;
}

function kindOf(operation: SpanOperation, { direction }: Message): SpanKind {
  if (operation === "join") return SpanKind.INTERNAL;
  return direction === "in" ? SpanKind.SERVER : SpanKind.CLIENT;
}

/** Makes attributes: `host:port` is split by OpenTelemetry's conventions; other names get the prefix `memberlist.`. */
function attributesOf(fields: object): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(fields) as [string, unknown][]) {
    if (name === "address" && typeof value === "string") {
      const colon = value.lastIndexOf(":");
      attributes["network.peer.address"] = value.slice(0, colon).replace(/^\[|\]$/g, "");
      attributes["network.peer.port"] = Number(value.slice(colon + 1));
    } else if (isAttribute(value)) {
      attributes[`memberlist.${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`] = value;
    }
  }
  return attributes;
}

function isAttribute(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) return value.every((item) => typeof item === "string");
  return ["string", "number", "boolean"].includes(typeof value);
}

function ignore(): void {
  // A span does not need this message.
}
