import { buildGoPeer, goAvailable } from "../src/go-toolchain.ts";
import { buildNodePeer } from "../src/node-toolchain.ts";

/** Once for the whole suite: builds both programs, and prints a line if Go is missing. */
export async function setup(): Promise<void> {
  await buildNodePeer();
  if (await goAvailable()) await buildGoPeer();
}
