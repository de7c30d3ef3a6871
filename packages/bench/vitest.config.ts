import { defineConfig } from "vitest/config";

/** `pnpm bench`: the sources as they are, one file after another, since there are two cores at best. */
export default defineConfig({
  resolve: { conditions: ["@memberlist/source"] },
  ssr: { resolve: { conditions: ["@memberlist/source"] } },
  test: {
    root: import.meta.dirname,
    fileParallelism: false,
    benchmark: { include: ["src/**/*.bench.ts"] },
  },
});
