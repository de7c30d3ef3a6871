import { configDefaults, type ViteUserConfig } from "vitest/config";
import { reporters, sources } from "../../vitest.shared.ts";

/** Real processes and real sockets on loopback: `vitest run --config packages/interop/vitest.config.ts`. */
const config: ViteUserConfig = {
  ...sources,
  root: import.meta.dirname,
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, "test/**/*.browser.test.ts"],
    testTimeout: 40_000,
    hookTimeout: 40_000,
    // Each test runs up to six processes: more at once would make the timing of failure detection meaningless.
    maxWorkers: 2,
    globalSetup: ["test/build-peers.ts"],
    // The report of CI has only the first lines of a failure: they are to name what was found.
    chaiConfig: { truncateThreshold: 1_000 },
    reporters,
  },
};

export default config;
