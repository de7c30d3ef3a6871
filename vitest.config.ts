import type { ViteUserConfig } from "vitest/config";
import { reporters, sources } from "./vitest.shared.ts";

/** Tests that load the machine, or measure how late something is: they run last, one after another, beside nothing else. */
const loadTests = "packages/*/test/**/*.load.test.ts";

/** `pnpm test`. Nothing has to be built first. The interop suite has a config of its own. */
const config: ViteUserConfig = {
  test: {
    reporters,
    projects: [
      {
        ...sources,
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"],
          exclude: [loadTests, "packages/interop/test/**", "**/node_modules/**"],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...sources,
        test: {
          name: "load",
          include: [loadTests],
          testTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
};

export default config;
