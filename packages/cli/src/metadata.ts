import { escapeControls } from "@memberlist/core/internal";
import { decodeMeta, metaText } from "@memberlist/status/internal";

/** Formats metadata as one line for a terminal. */
export function metadataLine(meta: Uint8Array): string {
  return escapeControls(metaText(decodeMeta(meta)));
}

/** Returns the fields that a filter can name: tags, or the fields of a JSON object. */
export function metadataFields(meta: Uint8Array): Readonly<Record<string, unknown>> {
  const decoded = decodeMeta(meta);
  if (decoded.format === "tags") return decoded.tags;
  return decoded.format === "json" ? (decoded.value as Readonly<Record<string, unknown>>) : {};
}
