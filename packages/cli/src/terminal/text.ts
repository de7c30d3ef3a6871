import stringWidth from "string-width";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan" | "magenta";

/** Adds a style to a string, or returns it unchanged. */
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

/** Makes a Paint. Only `colours` decides, while util.styleText also depends on the stream and on the version of Node. */
export function painter(colours: boolean): Paint {
  if (!colours) return (_style, text): string => text;
  return (style, text): string => {
    const [begin, end] = codes[style];
    return `${escape}[${begin}m${text}${escape}[${end}m`;
  };
}

/** Returns the width of a string in columns of a terminal: 0 for colours, 2 for a wide character. */
export function width(text: string): number {
  return stringWidth(text);
}

/** Fills a string up with spaces to a width. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** Cuts a string to a width. It marks the cut, and closes colours. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  if (columns <= 0) return colourCodes(text);
  let shown = "";
  let left = columns - 1;
  for (const [index, part] of text.split(colourCode).entries()) {
    // Odd parts are the codes that the pattern captured. They take no columns.
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

/** Folds words into lines of a width. It breaks lines only between words, and indents all lines but the first. */
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

/** Rounds a number for JSON to three decimals. */
export function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
