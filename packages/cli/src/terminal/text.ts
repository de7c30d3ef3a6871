import stringWidth from "string-width";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "magenta";

/** Colours a string, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

const escape = String.fromCharCode(27);
/** The codes that begin and end a style. */
const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  magenta: [35, 39],
  cyan: [36, 39],
};

/** By our own word alone: what util.styleText does depends on the stream and on the version of Node. */
export function painter(colours: boolean): Paint {
  if (!colours) return (_style, text): string => text;
  return (style, text): string => {
    const [begin, end] = codes[style];
    return `${escape}[${begin}m${text}${escape}[${end}m`;
  };
}

/** How many columns a string takes on a terminal: colours take none, wide characters two. */
export function width(text: string): number {
  return stringWidth(text);
}

/** Filled up with spaces to so many columns. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** At most so many columns; colours are closed, and what was cut is marked. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  if (columns <= 0) return colourCodes(text);
  let shown = "";
  let left = columns - 1;
  for (const [index, part] of text.split(colourCode).entries()) {
    // What the pattern has captured: the codes, which take no columns.
    if (index % 2 === 1) {
      shown += part;
      continue;
    }
    for (const { segment } of characters.segment(part)) {
      left -= width(segment);
      if (left < 0) break;
      shown += segment;
    }
    if (left < 0) left = -1;
  }
  return `${shown}…`;
}

const colourCode = new RegExp(`(${escape}\\[[0-9;]*m)`, "u");
const characters = new Intl.Segmenter("en", { granularity: "grapheme" });

function colourCodes(text: string): string {
  return text
    .split(colourCode)
    .filter((_, index) => index % 2 === 1)
    .join("");
}

/** Words on lines of at most so many columns, all but the first with an indent. Breaks only between the words. */
export function fold(words: readonly string[], columns: number, indent: string, gap: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && width(line) + gap.length + width(word) > columns) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? (lines.length === 0 ? word : indent + word) : line + gap + word;
  }
  return line === "" ? lines : [...lines, line];
}

/** A number for JSON, with at most three decimals. */
export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
