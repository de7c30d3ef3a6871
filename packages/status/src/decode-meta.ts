import { decodeTags } from "@memberlist/core";

/** The metadata of a node in a form that people can read. */
export type DecodedMeta =
  | { readonly format: "empty" }
  /** JSON: an object or an array. */
  | { readonly format: "json"; readonly value: unknown }
  /** The tags of Serf and Consul: a MessagePack map of strings after the byte 0xff. */
  | { readonly format: "tags"; readonly tags: Readonly<Record<string, string>> }
  /** UTF-8 without control characters. */
  | { readonly format: "text"; readonly text: string }
  /** Anything else: its length in bytes, and the first 64 bytes in hex. */
  | { readonly format: "binary"; readonly bytes: number; readonly hex: string };

/** The shown part of binary metadata, in bytes. */
const hexBytes = 64;
/** Longer metadata is shown as binary. The protocol allows at most 512 bytes. */
const maxBytes = 4_096;
/** Deeper JSON is shown as text, because code that prints it may recurse. */
const maxDepth = 16;

/** Decodes metadata. It never throws: bytes in no other format are `binary`. */
export function decodeMeta(meta: Uint8Array): DecodedMeta {
  if (meta.length === 0) return { format: "empty" };
  if (meta.length > maxBytes) return binary(meta);
  const tags = decodeTags(meta);
  if (tags !== undefined) return { format: "tags", tags };
  const text = decodeText(meta);
  if (text === undefined) return binary(meta);
  const value = /^\s*[[{]/.test(text) ? parseJson(text) : undefined;
  return value === undefined ? { format: "text", text } : { format: "json", value };
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return /(?![\t\n\r])\p{Cc}/u.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return depthOf(value, maxDepth) <= maxDepth ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the depth of a value, at most `most` + 1. */
function depthOf(value: unknown, most: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (most === 0) return 1;
  return 1 + Object.values(value).reduce<number>((deepest, one) => Math.max(deepest, depthOf(one, most - 1)), 0);
}

function binary(meta: Uint8Array): DecodedMeta {
  const hex = Array.from(meta.subarray(0, hexBytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { format: "binary", bytes: meta.length, hex };
}
