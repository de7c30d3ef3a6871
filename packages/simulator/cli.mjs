// What run.mjs starts, and what starts itself again for workers: the CLI that is bundled already.
import { main } from "./bin/sim.mjs";

process.exitCode = await main(process.argv);
