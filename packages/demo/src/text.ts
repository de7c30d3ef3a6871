import { stripVTControlCharacters } from "node:util";

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

/** How many columns a string takes: all that is shown here is one column wide and one code unit long a character. */
export function width(text: string): number {
  return stripVTControlCharacters(text).length;
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
  let shown = "";
  let left = columns - 1;
  for (const [part, escape] of text.matchAll(escapeOrCharacter)) {
    if (escape !== undefined) shown += part;
    else if (left-- > 0) shown += part;
  }
  return left < 0 && columns > 0 ? `${shown}…` : shown;
}

const escapeOrCharacter = new RegExp(`(${escape}\\[[0-9;]*m)|[^]`, "gu");

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

/** "7 ms", "310 ms", "2.31 s" */
export function duration(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
