import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createMemberlist, lanConfig, MemberlistError, type Memberlist, type NodeConfig } from "@memberlist/transport-node";
import { Child } from "../child.ts";
import type { AttackCost, Pings, VictimMark, VictimReady } from "./attack-task.ts";
import { victimName, type Attack } from "./attacks.ts";
import type { WorstStall } from "./stall-watch.ts";

/** How many others join during an attack. */
export const joinsWanted = 20;

const MiB = 2 ** 20;
const memoryEvery = 25;
/** Until the compiler has seen the usual paths, in ms. */
const settling = 1_500;
const joinTimeout = 5_000;
/** Of a tick of /proc/PID/stat, in ms. */
const tick = 10;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

export interface Outcome {
  readonly cost: AttackCost;
  readonly seconds: number;
  readonly pings: Pings;
  /** Packets that the kernel threw away because the member had not read those before them. */
  readonly unread: number;
  /** Of {@link joinsWanted}. */
  readonly joined: number;
  /** How often the other member suspected the attacked one. */
  readonly suspected: number;
  /** Of the attacked member during the attack, in ms of CPU. */
  readonly cpu: number;
  /** How much its memory grew at most, in MiB. */
  readonly memory: number;
  readonly stall: WorstStall;
  /** How often the victim wrote its store in the time without joins; 0 if the attack has no such time. */
  readonly quietSaves: number;
  /** Refusals of strangers that it remembers at the end. */
  readonly refusals: number;
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * One attack on one member, which is in a process of its own. Another member watches it all the time, a third process pings it by packet, and others join one after
 * the other, each from an address that is not the attacker's.
 *
 * @param victim the program of the attacked member, and its arguments
 */
export async function measure(attack: Attack, victim: readonly [string, ...string[]], seconds: number): Promise<Outcome> {
  const key = attack.encrypted === true ? randomBytes(16) : undefined;
  const program = fileURLToPath(new URL("attacker-program.mjs", import.meta.url));
  const target = new Child("the attacked member", victim);
  const attacker = new Child("the attacker", [process.execPath, program]);
  const watcher = new Child("the watcher", [process.execPath, program]);
  let friend: Memberlist | undefined;
  try {
    const { stateBytes = 0, streamOnly = false, quietSeconds = 0 } = attack;
    const common = { name: victimName, key: key?.toString("base64") ?? null, streamOnly };
    const { port, pid } = await target.ask<VictimReady>({ ...common, stateBytes });
    const config = { ...lanConfig(), streamOnly, bindPort: 0, logger: silent, ...(key === undefined ? {} : { secretKey: key }) };
    let suspected = 0;
    friend = await createMemberlist({ ...config, name: "friend", bindAddr: "127.0.0.5" });
    await friend.join([`127.0.0.1:${port}`]);
    const events = friend.events();
    const follow = async (): Promise<void> => {
      for await (const event of events) if (event.type === "suspect" && event.node.name === victimName) suspected++;
    };
    const following = follow();
    await sleep(settling);
    await target.ask<VictimMark>({});
    const usage = new ProcessUsage(pid);
    const unreadBefore = unreadPackets(port);
    await watcher.ask({ do: "watch", port, ...common });
    await attacker.ask({ do: "attack", attack: attack.name, port, seconds: seconds + quietSeconds });
    const joined = await joins(config, port, seconds, quietSeconds > 0);
    // What the joins have changed is saved within 5 s.
    await sleep((1_000 * quietSeconds) / 2);
    const half = await target.ask<VictimMark>({});
    await sleep((1_000 * quietSeconds) / 2);
    const cost = await attacker.ask<AttackCost>({});
    const used = usage.end();
    const mark = await target.ask<VictimMark>({});
    const pings = await watcher.ask<Pings>({});
    const unread = unreadPackets(port) - unreadBefore;
    await friend.shutdown();
    await following;
    const { counters, refusals } = mark;
    // Without a quiet time, the member may still save the changes of the joins.
    const quietSaves = quietSeconds === 0 ? 0 : mark.saves - half.saves;
    const stall = { wall: Math.max(half.stall.wall, mark.stall.wall), cpu: Math.max(half.stall.cpu, mark.stall.cpu) };
    return {
      cost,
      seconds: seconds + quietSeconds,
      pings,
      unread,
      joined,
      suspected,
      ...used,
      stall,
      quietSaves,
      refusals,
      counters,
    };
  } finally {
    await Promise.all([friend?.shutdown(), attacker.end(), watcher.end(), target.end()]);
  }
}

/**
 * Members that join one after the other during an attack, and end again.
 *
 * @param leaves whether the members leave: otherwise the victim finds them dead later, a change of its state
 * @returns how many reached the attacked member
 */
async function joins(config: Omit<NodeConfig, "name">, port: number, seconds: number, leaves: boolean): Promise<number> {
  let reached = 0;
  const start = performance.now();
  for (let i = 0; i < joinsWanted; i++) {
    const due = start + (i * 1_000 * seconds) / joinsWanted;
    await sleep(Math.max(0, due - performance.now()));
    const one = await createMemberlist({ ...config, name: `joiner-${i}`, bindAddr: "127.0.0.4" });
    try {
      await one.join([`127.0.0.1:${port}`], { timeout: joinTimeout });
      reached++;
    } catch (error) {
      if (!(error instanceof MemberlistError)) throw error;
    }
    if (leaves) await one.leave();
    await one.shutdown();
  }
  await sleep(Math.max(0, start + 1_000 * seconds - performance.now()));
  return reached;
}

/** What the kernel has thrown away of the packets to a UDP port since it was opened. Linux only: elsewhere 0. */
function unreadPackets(port: number): number {
  if (process.platform !== "linux") return 0;
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/udp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  return rows.filter(([, address]) => address?.endsWith(local)).reduce((sum, row) => sum + Number(row.at(-1)), 0);
}

/** CPU and memory of another process from now on. Linux only: elsewhere both are NaN. */
class ProcessUsage {
  readonly #pid: number;
  readonly #cpuBefore: number;
  readonly #memoryBefore: number;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#cpuBefore = this.#cpu();
    this.#memoryBefore = this.#memory();
    this.#timer = setInterval(() => (this.#peak = Math.max(this.#peak, this.#memory())), memoryEvery);
  }

  end(): { readonly cpu: number; readonly memory: number } {
    clearInterval(this.#timer);
    return { cpu: this.#cpu() - this.#cpuBefore, memory: Math.max(0, this.#peak - this.#memoryBefore) };
  }

  #cpu(): number {
    const fields = this.#read("stat").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * tick;
  }

  #memory(): number {
    return (Number(/VmRSS:\s+(\d+)/.exec(this.#read("status"))?.[1]) * 1_024) / MiB;
  }

  #read(file: string): string {
    return process.platform === "linux" ? readFileSync(`/proc/${this.#pid}/${file}`, "utf8") : "";
  }
}
