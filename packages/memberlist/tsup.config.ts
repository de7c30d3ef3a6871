import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    internal: "src/internal.ts",
    "certificates/index": "src/certificates/index.ts",
    "metrics/index": "src/metrics/index.ts",
    "testing/index": "src/testing/index.ts",
    "transport-kit/index": "src/transport-kit/index.ts",
  },
  format: ["esm"],
  platform: "neutral",
  target: "es2023",
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
});
