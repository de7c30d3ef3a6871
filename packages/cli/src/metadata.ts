import { escapeControls } from "@memberlist/core/internal";
import { decodeMeta, metaText } from "@memberlist/status/internal";

/** Metadata on one line of a terminal. */
export function metadataLine(meta: Uint8Array): string {
  return escapeControls(metaText(decodeMeta(meta)));
}

/** The fields that a filter can name: the tags, or the fields of a JSON object. */
export function metadataFields(meta: Uint8Array): Readonly<Record<string, unknown>> {
  const decoded = decodeMeta(meta);
  if (decoded.format === "tags") return decoded.tags;
  return decoded.format === "json" ? (decoded.value as Readonly<Record<string, unknown>>) : {};
}
