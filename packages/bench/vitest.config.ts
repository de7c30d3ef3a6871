import type { ViteUserConfig } from "vitest/config";
import { sources } from "../../vitest.shared.ts";

/** `pnpm bench`: one file after another, for machines with two cores. */
const config: ViteUserConfig = {
  ...sources,
  root: import.meta.dirname,
  test: {
    fileParallelism: false,
    benchmark: { include: ["src/**/*.bench.ts"] },
  },
};

export default config;
