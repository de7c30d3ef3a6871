import type { ViteUserConfig } from "vitest/config";
import { reporters, sources } from "./vitest.shared.ts";

/** `pnpm test`. Nothing has to be built first. The interop suite has a config of its own. */
const config: ViteUserConfig = {
  ...sources,
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    exclude: ["packages/interop/test/**", "**/node_modules/**"],
    testTimeout: 20_000,
    reporters,
  },
};

export default config;
