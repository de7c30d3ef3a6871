import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { makeFolder } from "./output-path.ts";

/** Writes `<name>.json`, and `<name>.svg` of each chart, into `folder`. @returns the files' paths */
export async function writeReport(
  folder: string,
  name: string,
  data: unknown,
  charts: Readonly<Record<string, TopLevelSpec>>,
): Promise<string[]> {
  makeFolder(folder);
  const json = join(folder, `${name}.json`);
  writeFileSync(json, `${JSON.stringify(data, null, 2)}\n`);
  const files = [json];
  for (const [chart, spec] of Object.entries(charts)) {
    const file = join(folder, `${chart}.svg`);
    writeFileSync(file, await svgOf(spec));
    files.push(file);
  }
  return files;
}

/** A chart as SVG. */
export async function svgOf(spec: TopLevelSpec): Promise<string> {
  // Only now: the other commands, and the worker processes, need not wait for them.
  const [{ parse, View }, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const view = new View(parse(compile({ background: "white", ...spec }).spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}
