import { escapeControls } from "@memberlist/core/internal";

/** Longer strings are cut to fit into a line, in code points. */
const maxLength = 200;

/** Makes a received string safe to show on a line: it escapes controls, line breaks and bidirectional overrides as `\u{…}`, and cuts. */
export function readable(text: string, most: number = maxLength): string {
  const escaped = escapeControls(text.slice(0, 2 * most + 2));
  const points = Array.from(escaped);
  return points.length > most || text.length > 2 * most + 2 ? `${points.slice(0, most).join("")}…` : escaped;
}

/** 0.354 → "0.35 ms", 61_000 → "1 m 1 s". */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 100) / 100} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Math.round(ms / 100) / 10} s`;
  const units = [
    [Math.floor(ms / 86_400_000), "d"],
    [Math.floor(ms / 3_600_000) % 24, "h"],
    [Math.floor(ms / 60_000) % 60, "m"],
    [Math.floor(ms / 1_000) % 60, "s"],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return `${Number((bytes / 1_000 ** power).toPrecision(3))} ${["", "kB", "MB", "GB", "TB"][power] ?? ""}`;
}
