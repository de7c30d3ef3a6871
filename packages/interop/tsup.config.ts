import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    "node-peer": "src/node-peer.ts",
    capture: "src/capture.ts",
    "detection-time": "src/detection-time.ts",
    matrix: "src/matrix.ts",
  },
  format: ["esm"],
  platform: "node",
  target: "node20",
  dts: false,
  sourcemap: true,
  clean: true,
});
