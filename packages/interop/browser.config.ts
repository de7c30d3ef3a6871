import type { ViteUserConfig } from "vitest/config";
import { reporters, sources } from "../../vitest.shared.ts";

/** `pnpm test:browser`: the status page in an installed Chromium. */
const config: ViteUserConfig = {
  ...sources,
  root: import.meta.dirname,
  test: { include: ["test/**/*.browser.test.ts"], testTimeout: 90_000, hookTimeout: 90_000, reporters },
};

export default config;
