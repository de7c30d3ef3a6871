import type { ViteUserConfig } from "vitest/config";
import { reporters, sources } from "./vitest.shared.ts";

/** `pnpm test:load`: tests of whole systems, and tests that load the machine or measure how late something is. They run one after another. */
const loadTests = ["packages/*/test/**/*.load.test.ts", "examples/test/**/*.load.test.ts"];

/** The core's tests start no process and open no socket. */
const coreTests = "packages/memberlist/test/**/*.test.ts";

// On a busy machine a test that runs minutes of virtual time takes long, and is not wrong for that.
const timeouts = { testTimeout: 60_000, hookTimeout: 60_000 };

const limits = {
  ...timeouts,
  // By default vitest leaves one core unused, which is half of two.
  maxWorkers: "100%",
  // Most concurrent tests wait for deadlines.
  maxConcurrency: 8,
  sequence: { groupOrder: 0 },
};

/** `pnpm test` runs the projects `core` and `unit`. Nothing has to be built first. The interop suite has its own config. */
const config: ViteUserConfig = {
  test: {
    reporters,
    projects: [
      {
        ...sources,
        test: {
          ...limits,
          name: "core",
          include: [coreTests],
          // A process for each file would take a third of the time that the tests take. So a file must not leave spies and stubs to the next one.
          isolate: false,
          restoreMocks: true,
          unstubGlobals: true,
        },
      },
      {
        ...sources,
        test: {
          ...limits,
          name: "unit",
          include: ["packages/*/test/**/*.test.ts", "examples/test/**/*.test.ts"],
          exclude: [coreTests, ...loadTests, "packages/interop/test/**", "**/node_modules/**"],
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
          ...timeouts,
          include: loadTests,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
};

export default config;
