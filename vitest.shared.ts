import type { ViteUserConfig } from "vitest/config";

const conditions = ["@memberlist/source"];
const report = process.env["TEST_REPORT"];

/** What every suite shares: the packages are tested from their TypeScript sources, and CI gets a report of each run. */
export const sources: ViteUserConfig = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
};

export const reporters: NonNullable<ViteUserConfig["test"]>["reporters"] =
  report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]];
