import type { Plugin } from "esbuild";

export function bundle(source: URL, outfile: URL, plugins?: readonly Plugin[]): Promise<void>;
