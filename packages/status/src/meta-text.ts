import type { DecodedMeta } from "./decode-meta.ts";

/** Formats metadata as one line. Other members choose it: escape it before you print it. */
export function metaText(meta: DecodedMeta): string {
  switch (meta.format) {
    case "empty":
      return "";
    case "json":
      return JSON.stringify(meta.value);
    case "tags":
      return Object.entries(meta.tags)
        .map(([key, value]) => `${key}=${value}`)
        .join(" ");
    case "text":
      return meta.text;
    default:
      return `${meta.bytes} bytes: ${meta.hex}`;
  }
}
