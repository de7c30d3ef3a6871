import { createInterface } from "node:readline";
import { lanConfig, type Config, type Memberlist } from "@memberlist/core";
import type { VictimMark, VictimReady, VictimTask } from "./attack-task.ts";
import { StallWatch } from "./stall-watch.ts";

type VictimConfig = Config & { readonly streamOnly: boolean };

/** The member that is attacked, driven by lines of JSON as attack-task.ts says, until stdin ends. It has the defaults of a LAN. */
export async function runVictim(createMemberlist: (config: VictimConfig) => Promise<Memberlist>): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const task = JSON.parse(String((await lines.next()).value)) as VictimTask;
  const state = new Uint8Array(task.stateBytes).map((_, i) => (i * i) >>> 3);
  let saves = 0;
  const store = {
    load: () => Promise.resolve(undefined),
    save: () => {
      saves++;
      return Promise.resolve();
    },
  };
  const members = await createMemberlist({
    ...lanConfig(),
    streamOnly: task.streamOnly,
    store,
    name: task.name,
    bindAddr: "127.0.0.1",
    bindPort: 0,
    ...(task.key === null ? {} : { secretKey: new Uint8Array(Buffer.from(task.key, "base64")) }),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    delegate: { localState: () => state },
  });
  const stalls = new StallWatch();
  answer({ port: members.localNode().port, pid: process.pid });
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const refusals = members.recentEvents().filter(({ type }) => type === "label_mismatch" || type === "conflict").length;
    answer({ stall: stalls.take(), members: members.numMembers(), saves, refusals, counters: { ...members.counters() } });
  }
}

function answer(value: VictimReady | VictimMark): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
