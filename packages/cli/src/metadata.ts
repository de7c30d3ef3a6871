import { decodeSerfTags } from "@memberlist/core";
import { printable } from "./terminal/io.ts";

/** A member's metadata, as far as its form is known. */
export type Metadata =
  | { readonly form: "none" }
  | { readonly form: "tags"; readonly tags: Readonly<Record<string, string>> }
  | { readonly form: "json"; readonly value: unknown }
  | { readonly form: "text"; readonly text: string }
  | { readonly form: "bytes"; readonly hex: string };

/** Longer JSON is text, in bytes: it may nest deeper than the stack. Members that keep to the protocol have at most 512 bytes of metadata. */
const maxJson = 4_096;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Serf's and Consul's tags, JSON, text, or else bytes. */
export function readMetadata(meta: Uint8Array): Metadata {
  if (meta.length === 0) return { form: "none" };
  const tags = decodeSerfTags(meta);
  if (tags !== undefined) return { form: "tags", tags };
  const text = textOf(meta);
  if (text === undefined) return { form: "bytes", hex: Buffer.from(meta).toString("hex") };
  if (meta.length > maxJson) return { form: "text", text };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { form: "json", value };
  } catch {
    // Text of another form.
  }
  return { form: "text", text };
}

/** In one line, for a table. */
export function metadataLine(metadata: Metadata): string {
  switch (metadata.form) {
    case "none":
      return "";
    case "tags":
      return Object.entries(metadata.tags)
        .map(([tag, value]) => printable(`${tag}=${value}`))
        .join(" ");
    case "json":
      return printable(JSON.stringify(metadata.value));
    case "text":
      return printable(metadata.text);
    default:
      return `0x${metadata.hex}`;
  }
}

/** The fields that a filter can name: the tags, or the fields of a JSON object. */
export function metadataFields(metadata: Metadata): Readonly<Record<string, unknown>> {
  if (metadata.form === "tags") return metadata.tags;
  return metadata.form === "json" ? (metadata.value as Readonly<Record<string, unknown>>) : {};
}

function textOf(meta: Uint8Array): string | undefined {
  try {
    return utf8.decode(meta);
  } catch {
    return undefined;
  }
}
