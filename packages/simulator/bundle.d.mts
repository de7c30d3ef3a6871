import type { Plugin } from "esbuild";

export function bundleCli(outfile: string, plugins?: Plugin[]): Promise<void>;
