/** On Deno, in a project of its own with only the tarballs. */
import { createMemberlist } from "@memberlist/transport-deno";
import { runCluster } from "./cluster.ts";
import { runSimulation } from "./simulation.ts";
import { tracing } from "./traces.ts";

await tracing(["join", "pushPull", "sendReliable"], () => runCluster(createMemberlist));
// With "thread": each member runs in a worker of its own. Deno has to read the program of the worker.
if (Deno.args.includes("thread")) await runCluster((config) => createMemberlist({ ...config, thread: true }));
await runSimulation();
Deno.stdout.writeSync(new TextEncoder().encode("all is well\n"));
