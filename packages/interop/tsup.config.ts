import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    "node-peer": "src/node-peer.ts",
    "peer-policy": "src/peer-policy.ts",
    capture: "src/capture.ts",
    "detection-time": "src/detection-time.ts",
    matrix: "src/matrix.ts",
  },
  // A thread imports the policy with its rules in the URL, which a shared chunk would not see.
  splitting: false,
  format: ["esm"],
  platform: "node",
  target: "node20",
  dts: false,
  sourcemap: true,
  clean: true,
});
