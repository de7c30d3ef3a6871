/** Exports for the other packages of this project. They change without notice. */
export { formatDuration } from "@memberlist/status/internal";
export { LiveRegion, type Terminal } from "./terminal/live-region.ts";
export { stateStyle } from "./terminal/states.ts";
export { cut, fold, pad, padStart, painter, width, type Paint, type Style } from "./terminal/text.ts";
