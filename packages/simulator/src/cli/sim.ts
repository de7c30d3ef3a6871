// `pnpm sim`: a process of its own, which starts itself again for workers.
import { main } from "./main.ts";

// Its parent has ended, so the result has no reader. The channel alone keeps no process alive but a worker's.
process.once("disconnect", () => process.exit(1));
process.channel?.unref();
process.exitCode = await main(process.argv);
