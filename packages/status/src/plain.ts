import type { Node, NodeState } from "@memberlist/core";
import { formatAddress } from "@memberlist/core/transport";

/** The short form of a node. */
export interface NodeRef {
  /** The name of the node. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** Its state. */
  readonly state: NodeState;
  /** Its incarnation. */
  readonly incarnation: number;
}

/** An error without its stack. */
export interface PlainError {
  /** The error's code; undefined for an error without a code. */
  readonly code?: string;
  /** The message of the error. */
  readonly message: string;
}

/** The JSON form of a value of the library: short nodes and errors, and only the number of bytes for bytes. */
export type PlainValue<T> = T extends Node
  ? NodeRef
  : T extends Error
    ? PlainError
    : T extends Uint8Array
      ? string
      : T extends readonly (infer Item)[]
        ? readonly PlainValue<Item>[]
        : T extends object
          ? { readonly [Key in keyof T]: PlainValue<T[Key]> }
          : T;

/** Longer strings are cut, in UTF-16 units: log lines quote received data. Names are not cut. */
const maxString = 1_024;
/** Deeper values are left out: fields of log lines may hold anything. */
const maxDepth = 8;

export function plain<T>(value: T): PlainValue<T> {
  return plainAt(value, maxDepth) as PlainValue<T>;
}

function plainAt(value: unknown, depth: number): unknown {
  if (typeof value === "string") return cut(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Error) return plainError(value);
  if (isNode(value)) return nodeRef(value);
  if (depth === 0) return "…";
  if (Array.isArray(value)) return value.map((item: unknown) => plainAt(item, depth - 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]: [string, unknown]) => [key, plainAt(item, depth - 1)]));
}

function nodeRef({ name, addr, port, state, incarnation }: Node): NodeRef {
  return { name, address: formatAddress({ host: addr, port }), state, incarnation };
}

function plainError(error: Error & { readonly code?: unknown }): PlainError {
  const message = cut(error.message);
  return typeof error.code === "string" ? { code: error.code, message } : { message };
}

function isNode(value: object): value is Node {
  return "name" in value && "addr" in value && "incarnation" in value && "meta" in value;
}

function cut(text: string): string {
  return text.length > maxString ? `${text.slice(0, maxString)}…` : text;
}
