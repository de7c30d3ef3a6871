import type { TopLevelSpec } from "vega-lite";
import type { PositionFieldDef } from "vega-lite/build/src/channeldef.js";
import type { Frame } from "./cpu-profile.ts";

const width = 1400;
const rowHeight = 17;
const characterWidth = 6.2;

/** Frames as a flame graph, the outermost at the bottom. */
export function flameGraph(title: string, frames: readonly Frame[]): TopLevelSpec {
  const rows = 1 + Math.max(0, ...frames.map(({ depth }) => depth));
  const values = frames.map((frame) => ({
    ...frame,
    above: frame.depth + 1,
    label: fitted(frame),
    tone: toneOf(frame.name),
    tip: `${frame.name}: ${(100 * (frame.to - frame.from)).toFixed(1)} %`,
  }));
  const x: PositionFieldDef<string> = { field: "from", type: "quantitative", scale: { domain: [0, 1] }, axis: null };
  const y: PositionFieldDef<string> = { field: "depth", type: "quantitative", scale: { domain: [0, rows] }, axis: null };
  return {
    title,
    width,
    height: rows * rowHeight,
    data: { values },
    layer: [
      {
        mark: { type: "rect", stroke: "white", strokeWidth: 0.5 },
        encoding: {
          x,
          x2: { field: "to" },
          y,
          y2: { field: "above" },
          color: { field: "tone", type: "quantitative", scale: { scheme: "orangered", domain: [-0.4, 1.6] }, legend: null },
          description: { field: "tip" },
        },
      },
      {
        mark: { type: "text", align: "left", baseline: "bottom", dx: 2, dy: -3, fontSize: 10, font: "monospace" },
        encoding: { x, y, text: { field: "label" } },
      },
    ],
  };
}

/** The start of the name, as long as the box allows. */
function fitted({ name, from, to }: Frame): string {
  const room = Math.floor(((to - from) * width - 4) / characterWidth);
  if (room < 3) return "";
  return name.length <= room ? name : `${name.slice(0, room - 1)}…`;
}

/** The same function has the same colour everywhere. */
function toneOf(name: string): number {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1009;
  return hash / 1009;
}
