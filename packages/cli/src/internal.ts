/** What the project's own packages share with the command line. Not for others: it changes without notice. */
export { formatDuration } from "@memberlist/status/internal";
export { LiveRegion, type Terminal } from "./terminal/live-region.ts";
export { stateStyle } from "./terminal/states.ts";
export { cut, fold, pad, padStart, painter, width, type Paint, type Style } from "./terminal/text.ts";
