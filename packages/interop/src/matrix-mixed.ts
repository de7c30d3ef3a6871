import { isMessage, isState } from "./matrix-events.ts";
import { secret, type MatrixId, type MatrixPrograms } from "./matrix-member.ts";
import type { Peer } from "./peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "./peer-protocol.ts";

export const mixedScenarioNames = ["form", "gossip", "reliable", "kill", "restart", "leave"] as const;
export type MixedScenarioName = (typeof mixedScenarioNames)[number];

const mebibyte = 1024 * 1024;
/** A transmit reaches one of seven others: with so many transmits, a message hardly ever misses a member. */
const config: Partial<PeerConfig> = { ...secret, retransmitMult: 16 };

/** Two of each: Go, Node (the oldest and the newest of `ids`), Deno, Bun. Undefined if `ids` lacks one of them. */
export function mixedMembers(ids: readonly MatrixId[]): readonly MatrixId[] | undefined {
  const nodes = ids.filter((id) => id.startsWith("node"));
  const [oldest, newest] = [nodes.at(0), nodes.at(-1)];
  if (oldest === undefined || newest === undefined) return undefined;
  const members: readonly MatrixId[] = ["go", "go", oldest, newest, "deno", "deno", "bun", "bun"];
  return members.every((id) => ids.includes(id)) ? members : undefined;
}

/** One cluster of all runtimes, encrypted and labelled, in a process each, through kill, restart and leave of one of each. */
export class MixedRun {
  readonly #programs: MatrixPrograms;
  readonly #ids: readonly MatrixId[];
  readonly #peers: Peer[] = [];

  private constructor(programs: MatrixPrograms, ids: readonly MatrixId[]) {
    this.#programs = programs;
    this.#ids = ids;
  }

  /** @returns the scenarios that hold; the first that does not ends the run, with `failure` */
  static async run(
    programs: MatrixPrograms,
    ids: readonly MatrixId[],
  ): Promise<{ readonly passed: readonly MixedScenarioName[]; readonly failure?: Error }> {
    const mixed = new MixedRun(programs, ids);
    const passed: MixedScenarioName[] = [];
    let running: string = "start";
    try {
      for (const name of mixedScenarioNames) {
        running = name;
        await mixed.#scenarios[name]();
        passed.push(name);
      }
      return { passed };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { passed, failure: new Error(`mixed cluster, ${running}: ${text}`, { cause: error }) };
    } finally {
      await Promise.all(mixed.#peers.map((peer) => peer.stop()));
    }
  }

  /** The second of each kind is killed and started again. */
  get #victims(): readonly number[] {
    return this.#ids.flatMap((_, i) => (i % 2 === 1 ? [i] : []));
  }

  readonly #scenarios: Readonly<Record<MixedScenarioName, () => Promise<void>>> = {
    form: async () => {
      const started = await Promise.allSettled(this.#ids.map((id) => this.#programs.spawn(id)));
      for (const one of started) if (one.status === "fulfilled") this.#peers.push(one.value);
      const failed = started.find((one) => one.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      await Promise.all(this.#peers.map((peer, i) => this.#programs.create(peer, `${this.#ids[i]}-${i}`, config)));
      const [first, ...others] = this.#peers as [Peer, ...Peer[]];
      await Promise.all(others.map((peer) => peer.join(first)));
      await this.#converged(this.#peers);
    },
    /** What each broadcasts reaches all others, who pass it on once, as an application does; metadata the members pass on by themselves. */
    gossip: async () => {
      for (const [i, from] of this.#peers.entries()) {
        const payload = seededBytes(200, i + 1);
        const meta = toBase64(seededBytes(100, 50 + i));
        await from.broadcast(payload);
        await from.command("updateMeta", { meta, timeout: 5_000 });
        const heard = this.#peers.map(async (peer) => {
          if (peer === from) return;
          await peer.waitFor(isMessage(payload), { what: `the broadcast of ${from.name}` });
          await peer.broadcast(payload);
          await peer.waitFor((event) => event.event === "update" && event.node.meta === meta, {
            what: `${from.name}'s metadata`,
          });
        });
        await Promise.all(heard);
      }
    },
    /** To a member of its own kind, or of the next one. */
    reliable: async () => {
      for (const [i, from] of this.#peers.entries()) {
        const to = this.#peers[(i + 1) % this.#peers.length] as Peer;
        await from.command("send", { mode: "reliable", size: mebibyte, seed: 100 + i, node: to.name });
        await to.waitFor(isMessage(seededBytes(mebibyte, 100 + i)), { what: `1 MiB from ${from.name}` });
      }
    },
    /** One of each at once; every survivor finds all of them dead, and none of the others. */
    kill: async () => {
      const victims = this.#victims.map((i) => this.#peers[i] as Peer);
      const survivors = this.#peers.filter((peer) => !victims.includes(peer));
      const since = survivors.map((peer) => peer.events.length);
      await Promise.all(victims.map((peer) => peer.killAndWait()));
      await Promise.all(
        survivors.flatMap((peer, i) =>
          victims.map(({ name }) =>
            peer.waitFor(isState(name, "dead"), { what: `${name} is found dead`, timeout: 30_000, from: since[i] }),
          ),
        ),
      );
      await this.#converged(survivors);
      for (const [i, peer] of survivors.entries()) {
        const wronged = survivors.find(({ name }) => peer.events.slice(since[i]).some(isState(name, "dead")));
        if (wronged !== undefined) throw new Error(`${peer.name} took ${wronged.name} for dead, which lived`);
      }
    },
    /** As new processes under the old names and addresses; each joins by a survivor of the kind before its own. */
    restart: async () => {
      for (const i of this.#victims) {
        const { name, bindAddr, bindPort } = (this.#peers[i] as Peer).node;
        const peer = await this.#programs.spawn(this.#ids[i] as MatrixId);
        this.#peers[i] = peer;
        await this.#programs.create(peer, name, { ...config, bindAddr, bindPort });
        await peer.join(this.#peers.at(i - 3) as Peer);
      }
      await this.#converged(this.#peers);
    },
    /** The first of each kind, one after the other; everybody left is notified. */
    leave: async () => {
      const leavers = this.#peers.filter((_, i) => !this.#victims.includes(i));
      let others: readonly Peer[] = this.#peers;
      for (const leaver of leavers) {
        others = others.filter((peer) => peer !== leaver);
        const since = others.map((peer) => peer.events.length);
        await leaver.leave();
        const notified = others.map((peer, i) =>
          peer.waitFor(isState(leaver.name, "left"), { what: `${leaver.name} has left`, from: since[i] }),
        );
        await Promise.all(notified);
      }
      await this.#converged(others);
    },
  };

  #converged(peers: readonly Peer[]): Promise<unknown> {
    const names = peers.map((peer) => peer.name);
    return Promise.all(peers.map((peer) => peer.waitForAlive(names, 20_000)));
  }
}
