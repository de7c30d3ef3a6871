import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "src/index.ts", "memberlist-thread": "src/thread.ts" },
  format: ["esm"],
  platform: "neutral",
  external: [/^node:/],
  // In Deno only `node:crypto` is sure to be the built-in module.
  removeNodeProtocol: false,
  target: "es2023",
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
});
