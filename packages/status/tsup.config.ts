import { copyFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { defineConfig } from "tsup";

/** The page contains uPlot. */
const license = createRequire(import.meta.url).resolve("uplot/LICENSE");

export default defineConfig({
  entry: { index: "src/index.ts", internal: "src/internal.ts" },
  format: ["esm"],
  platform: "neutral",
  target: "es2023",
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
  onSuccess: () => copyFile(license, "dist/uplot.LICENSE"),
});
