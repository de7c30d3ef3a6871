import { copyFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { defineConfig, type Options } from "tsup";

/** The licenses of what the build contains. */
const dnsPacket = createRequire(import.meta.url).resolve("dns-packet/LICENSE");
const ipCodec = join(dirname(createRequire(dnsPacket).resolve("@leichtgewicht/ip-codec")), "LICENSE");

/**
 * dns-packet requires `buffer`, and a bundle of ES modules that somebody makes of this package could not. So it is part of this package's build,
 * where that module is imported.
 */
const requiredBuffer = {
  name: "required-buffer",
  setup(build: Parameters<NonNullable<Options["esbuildPlugins"]>[number]["setup"]>[0]): void {
    build.onResolve({ filter: /^buffer$/ }, () => ({ path: "buffer", namespace: "imported" }));
    build.onLoad({ filter: /^buffer$/, namespace: "imported" }, () => ({ contents: 'export { Buffer } from "node:buffer";' }));
  },
};

export default defineConfig({
  entry: { index: "src/index.ts", "memberlist-thread": "src/thread.ts", worker: "src/worker.ts" },
  format: ["esm"],
  platform: "node",
  target: "node20",
  dts: true,
  sourcemap: true,
  clean: true,
  treeshake: true,
  noExternal: ["dns-packet"],
  esbuildPlugins: [requiredBuffer],
  onSuccess: async () => {
    await copyFile(dnsPacket, "dist/dns-packet.LICENSE");
    await copyFile(ipCodec, "dist/ip-codec.LICENSE");
  },
});
