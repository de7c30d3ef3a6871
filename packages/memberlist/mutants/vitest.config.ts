import type { ViteUserConfig } from "vitest/config";
import { KeptThread } from "./kept-thread.ts";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** They take longest, and few mutants die by them alone: they are run last, and only where no other test has failed. */
const slow: readonly string[] = [
  "swim/broadcast-queue-bounds",
  "swim/duplicates",
  "swim/node-selector",
  "swim/node-table",
  "swim/probe-schedule",
  "swim/user-share",
  "runtime/streams/stream-codec",
  "wire/compression/compress",
  "wire/compression/lzw-collisions",
  "wire/compression/lzw-wasm",
];

class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (slow.some((name) => moduleId.includes(`test/${name}.`)) ? 1 : 0);
    return files.toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** All tests that a mutant may be tried on. `areas.ts` chooses among them. */
const settings: ViteUserConfig = {
  plugins: [
    {
      name: "kept-thread",
      // Here, since Stryker asks for another pool.
      configureVitest: ({ project }) => {
        const { config } = project;
        config.pool = "kept-thread";
        config.poolRunner = { name: "kept-thread", createPoolWorker: (options) => new KeptThread(options) };
      },
    },
  ],
  test: {
    include: [
      "test/swim/*.test.ts",
      "test/wire/**/*.test.ts",
      "test/config/*.test.ts",
      "test/runtime/streams/stream-codec.test.ts",
    ],
    setupFiles: ["mutants/short-properties.ts", "mutants/fresh-modules.ts"],
    sequence: { sequencer: QuickFirst },
    isolate: false,
    testTimeout: 300_000,
  },
};

export default settings;
