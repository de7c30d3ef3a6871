/** On Node and Bun, in a project of its own with only the tarballs. */
import { createMemberlist, NodeTransport } from "@memberlist/transport-node";
import { runCluster } from "./cluster.ts";
import { runSimulation } from "./simulation.ts";
import { tracing } from "./traces.ts";

await tracing(["join", "pushPull", "sendReliable"], () => runCluster(createMemberlist));

// The same with each member in a thread of its own. The program of that thread is a separate file of the tarball.
await runCluster((config) => createMemberlist({ ...config, thread: true }));

// The same with threads for whatever is long: their program is a file of its own in the tarball.
const transports: NodeTransport[] = [];
await runCluster(async (config) => {
  const workers = { threads: 1, threshold: 1_000 };
  const transport = await NodeTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, workers });
  transports.push(transport);
  return createMemberlist({ ...config, transport });
});
for (const { counters } of transports) {
  if (counters.workerFailures > 0) throw new Error("the threads for compression and encryption do not work");
}

await runSimulation();
process.stdout.write("all is well\n");
