/** A mark of a chart, as it is drawn: in px. */
export interface Mark {
  /** What the mark says of itself: `field: value; …`, by the titles of its axes. */
  readonly label: string;
  readonly width: number;
  readonly height: number;
}

/** All points and bars in an SVG of Vega's; those of legends and axes are not among them. */
export function marksOf(svg: string): Mark[] {
  const marks: Mark[] = [];
  for (const [, group = ""] of svg.matchAll(/<g class="mark-(?:symbol|rect) role-mark [^"]*"[^>]*>(.*?)<\/g>/gs)) {
    for (const [, label = "", path = ""] of group.matchAll(/<path aria-label="([^"]*)"[^>]* d="([^"]*)"/g)) {
      marks.push({ label, ...sizeOf(path) });
    }
  }
  return marks;
}

/** Of a path of lines, and of arcs that make circles of two halves, left and right or above and below. */
function sizeOf(path: string): Pick<Mark, "width" | "height"> {
  const xs: number[] = [];
  const ys: number[] = [];
  let [x, y] = [0, 0];
  for (const [, command = "", text = ""] of path.matchAll(/([a-zA-Z])([^a-zA-Z]*)/g)) {
    const n = (text.match(/-?\d+(?:\.\d+)?(?:e-?\d+)?/g) ?? []).map(Number);
    const to = n.slice(-2);
    if (command === "h") x += n[0] ?? NaN;
    else if (command === "v") y += n[0] ?? NaN;
    else if (command === "H") x = n[0] ?? NaN;
    else if (command === "V") y = n[0] ?? NaN;
    else if (command === "A") {
      const [radius = NaN] = n;
      xs.push((x + (to[0] ?? NaN)) / 2 - radius, (x + (to[0] ?? NaN)) / 2 + radius);
      ys.push((y + (to[1] ?? NaN)) / 2 - radius, (y + (to[1] ?? NaN)) / 2 + radius);
      [x = NaN, y = NaN] = to;
    } else if (command === "M" || command === "L") [x = NaN, y = NaN] = to;
    else if (command !== "Z" && command !== "z") throw new Error(`a path with ${command}: ${path}`);
    xs.push(x);
    ys.push(y);
  }
  return { width: Math.max(...xs) - Math.min(...xs), height: Math.max(...ys) - Math.min(...ys) };
}
