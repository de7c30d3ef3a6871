import { epochMs, toBase64 } from "@memberlist/interop";
import { Cluster } from "./cluster.ts";
import type { Report } from "./demo-event.ts";
import { aborted, nodeCommand, sharedConfig } from "./demo.ts";
import type { Interruption } from "./interruption.ts";
import type { DemoOptions } from "./options.ts";

const guestMeta = "guest";

/** One more agent: joins a cluster, shows what it sees, and leaves on Ctrl-C. @returns the exit code */
export async function runGuest(options: DemoOptions, report: Report, interruption: Interruption): Promise<number> {
  const { signal } = interruption;
  const name = options.name ?? `guest-${process.pid}`;
  report({ event: "begin", at: epochMs(), agents: [name], config: sharedConfig });
  const cluster = new Cluster(
    [{ kind: "node", command: nodeCommand(options), config: { ...sharedConfig, name, meta: toBase64(guestMeta) } }],
    report,
  );
  try {
    const guest = cluster.agent(name);
    await Promise.race([cluster.start(guest), aborted(signal)]);
    if (signal.aborted) return interruption.exitCode;
    const joined = await Promise.race([guest.peer.join(...options.join), aborted(signal)]);
    if (joined !== undefined) {
      report({ event: "note", at: epochMs(), text: `joined ${options.join.join(", ")}; leaves on Ctrl-C` });
      await Promise.race([aborted(signal), cluster.failed]);
    }
    if (!guest.isRunning) return interruption.exitCode;
    report({ event: "note", at: epochMs(), text: "leaving" });
    await guest.leave();
    return interruption.isOrderly ? 0 : interruption.exitCode;
  } catch (error) {
    report({
      event: "note",
      at: epochMs(),
      text: `failed: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`,
    });
    return 1;
  } finally {
    await cluster.stop();
  }
}
