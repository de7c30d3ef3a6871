import { basename } from "node:path";
import { bundle } from "../../../scripts/bundle.mjs";

const transport = new URL("../../transport-node/", import.meta.url);

/** A thread's program, made of the sources: nothing has to have been built. Lies where it finds piscina. */
export async function bundledForThread(program: URL): Promise<URL> {
  const outfile = new URL(`node_modules/.cache/bench-${basename(program.pathname, ".ts")}.mjs`, transport);
  await bundle(program, outfile);
  return outfile;
}

/** What the threads of transport-node run. */
export function bundledWorker(): Promise<URL> {
  return bundledForThread(new URL("src/worker.ts", transport));
}
