import type { ViteUserConfig } from "vitest/config";
import { reporters, sources } from "./vitest.shared.ts";

/** `pnpm test:load`: tests that load the machine, or measure how late something is. They run one after another. */
const loadTests = "packages/*/test/**/*.load.test.ts";

/** `pnpm test` runs the unit tests. Nothing has to be built first. The interop suite has its own config. */
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
          // On a busy machine a test that runs minutes of virtual time takes long, and is not wrong for that.
          testTimeout: 60_000,
          // By default vitest leaves one core unused, which is half of two.
          maxWorkers: "100%",
          // Most concurrent tests wait for deadlines.
          maxConcurrency: 8,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...sources,
        test: {
          name: "thread",
          include: ["packages/memberlist/test/facade/**/*.test.ts"],
          // The members run as in threads of their own.
          env: { MEMBERLIST_TEST_THREAD: "1" },
          testTimeout: 60_000,
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
