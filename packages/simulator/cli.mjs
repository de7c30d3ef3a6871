// What run.mjs starts, and what starts itself again for workers: the CLI that is bundled already.
import { main } from "./bin/sim.mjs";

// Whoever has started it is gone: nobody waits for what it does. The channel alone keeps nobody alive but workers.
process.once("disconnect", () => process.exit(1));
process.channel?.unref();
process.exitCode = await main(process.argv);
