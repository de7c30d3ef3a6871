import { defineConfig } from "tsup";

export default defineConfig({
  entry: { main: "src/main.ts", deno: "src/deno.ts", internal: "src/internal.ts" },
  format: ["esm"],
  platform: "node",
  target: "node20",
  dts: { entry: { deno: "src/deno.ts", internal: "src/internal.ts" } },
  sourcemap: true,
  clean: true,
  treeshake: true,
});
