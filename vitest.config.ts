import { defineConfig } from "vitest/config";

const report = process.env["TEST_REPORT"];

/** The packages are tested from their TypeScript sources; nothing has to be built first. The interop suite has its own config. */
export default defineConfig({
  resolve: { conditions: ["@memberlist/source"] },
  ssr: { resolve: { conditions: ["@memberlist/source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts"],
    exclude: ["packages/interop/test/**", "**/node_modules/**"],
    testTimeout: 20_000,
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
  },
});
