/** `@memberlist/status`: the state of one node as a web page, as JSON, and as a stream of events. */
export { statusHandler } from "./status-handler.ts";
export { decodeMeta, type DecodedMeta } from "./decode-meta.ts";
export type { MetricsSource, StatusHandlerOptions, StatusSource } from "./options.ts";
export type { MemberStatus, NodeRef, StatusCause, StatusDocument, StatusEvent, StatusSample, StatusUpdate } from "./document.ts";
export type { PlainError, PlainValue } from "./plain.ts";
