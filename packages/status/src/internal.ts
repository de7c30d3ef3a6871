/** Exports for the command line of this project. They change without notice. */
export { decodeMeta } from "./decode-meta.ts";
export { describeEvent, type Description } from "./describe-event.ts";
export { metaText } from "./meta-text.ts";
export { plain } from "./plain.ts";
export { formatDuration } from "./readable.ts";
