import { isMessage, isState } from "./matrix-events.ts";
import { secret, type MatrixId, type MatrixPrograms } from "./matrix-member.ts";
import type { Peer } from "./peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "./peer-protocol.ts";

export const scenarioNames = ["join", "gossip", "label", "encryption", "reliable", "kill", "leave"] as const;
export type ScenarioName = (typeof scenarioNames)[number];

const mebibyte = 1024 * 1024;

/** Two members, in a process each, through all scenarios; each later one stands on the cluster that those before have left. */
export class PairRun {
  readonly #programs: MatrixPrograms;
  readonly #ids: readonly [MatrixId, MatrixId];
  readonly #peers: [Peer, Peer];
  #created = false;
  /** Every payload of a pair is another, so that none is taken for one of an earlier scenario. */
  #lastSeed = 0;

  private constructor(programs: MatrixPrograms, ids: readonly [MatrixId, MatrixId], peers: [Peer, Peer]) {
    this.#programs = programs;
    this.#ids = ids;
    this.#peers = peers;
  }

  /** @returns the scenarios that hold; the first that does not ends the run, with `failure` */
  static async run(
    programs: MatrixPrograms,
    ids: readonly [MatrixId, MatrixId],
  ): Promise<{ readonly passed: readonly ScenarioName[]; readonly failure?: Error }> {
    const passed: ScenarioName[] = [];
    const started = await Promise.allSettled(ids.map((id) => programs.spawn(id)));
    const peers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const [first, second] = peers;
    const pair = first && second ? new PairRun(programs, ids, [first, second]) : undefined;
    let running = "start";
    try {
      if (pair === undefined) throw started.find((one) => one.status === "rejected")?.reason;
      for (const name of scenarioNames) {
        running = name;
        await pair.#scenarios[name]();
        passed.push(name);
      }
      return { passed };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { passed, failure: new Error(`${ids.join(" with ")}, ${running}: ${text}`, { cause: error }) };
    } finally {
      const toStop = pair === undefined ? peers : pair.#peers;
      await Promise.all(toStop.map((peer) => peer.stop()));
    }
  }

  readonly #scenarios: Readonly<Record<ScenarioName, () => Promise<void>>> = {
    /** Either can be the one that is joined. */
    join: async () => {
      await this.#create({}, {});
      await this.#join(0);
      await this.#create({}, {});
      await this.#join(1);
    },
    /** What the application broadcasts, and metadata, which goes by an alive message. */
    gossip: () => this.#talk(),
    /** A member with another label is refused, with the same one taken in. */
    label: async () => {
      await this.#create({ label: "one" }, { label: "another" });
      await this.#refused();
      await this.#create({ label: "one" }, { label: "one" });
      await this.#join(0);
      await this.#talk();
    },
    /** The same of keys; and from here on all is encrypted and labelled. */
    encryption: async () => {
      await this.#create(secret, { ...secret, secretKey: toBase64(seededBytes(32, 8)) });
      await this.#refused();
      await this.#create(secret, secret);
      await this.#join(1);
      await this.#talk();
    },
    reliable: () =>
      this.#bothWays(async (from, to) => {
        const seed = this.#nextSeed();
        await from.command("send", { mode: "reliable", size: mebibyte, seed, node: to.name });
        await to.waitFor(isMessage(seededBytes(mebibyte, seed)), { what: "a reliable message of 1 MiB" });
      }),
    /** Each is killed in turn, found dead by the other, and started as a new process: at its old address, or the name would be in conflict. */
    kill: async () => {
      for (const victim of [0, 1] as const) {
        const other = this.#peers[1 - victim] as Peer;
        const { name, bindAddr, bindPort } = this.#peers[victim].node;
        const since = other.events.length;
        await this.#peers[victim].killAndWait();
        await other.waitFor(isState(name, "dead"), { what: `${name} is found dead`, timeout: 20_000, from: since });
        this.#peers[victim] = await this.#programs.spawn(this.#ids[victim]);
        await this.#programs.create(this.#peers[victim], name, { ...secret, bindAddr, bindPort });
        await this.#peers[victim].join(other);
        await this.#converged();
      }
    },
    /** Each leaves in turn; the other is notified, and does not find it dead. */
    leave: async () => {
      await this.#create(secret, secret);
      for (const leaver of [0, 1] as const) {
        const other = this.#peers[1 - leaver] as Peer;
        await this.#peers[leaver].join(other);
        await this.#converged();
        const since = other.events.length;
        const { name } = this.#peers[leaver];
        await this.#peers[leaver].leave();
        await other.waitFor(isState(name, "left"), { what: `${name} has left`, from: since });
        if (other.events.slice(since).some(isState(name, "dead"))) throw new Error(`${name} has left, and was taken for dead`);
        await this.#create(secret, secret);
      }
    },
  };

  /** Both nodes anew, in the processes that are there. */
  async #create(...configs: readonly [Partial<PeerConfig>, Partial<PeerConfig>]): Promise<void> {
    const again = this.#created;
    this.#created = true;
    await Promise.all(
      this.#peers.map(async (peer, i) => {
        if (again) await peer.command("shutdown", {});
        await this.#programs.create(peer, `${this.#ids[i]}-${i}`, configs[i] as Partial<PeerConfig>);
      }),
    );
  }

  async #join(joiner: 0 | 1): Promise<void> {
    const joined = await this.#peers[joiner].join(this.#peers[1 - joiner] as Peer);
    if (joined !== 1) throw new Error(`joined ${joined} nodes instead of 1`);
    await this.#converged();
  }

  #converged(): Promise<unknown> {
    const names = this.#peers.map((peer) => peer.name);
    return Promise.all(this.#peers.map((peer) => peer.waitForAlive(names)));
  }

  /** Neither takes the other in. */
  async #refused(): Promise<void> {
    await this.#bothWays(async (from, to) => {
      const joined = await from.join(to).catch(() => 0);
      if (joined !== 0) throw new Error(`${from.name} has joined ${to.name}, which should refuse it`);
    });
    for (const peer of this.#peers) await peer.waitForAlive([peer.name], 1_000);
  }

  /** Broadcasts and metadata, both ways. */
  #talk(): Promise<void> {
    return this.#bothWays(async (from, to) => {
      const payload = seededBytes(200, this.#nextSeed());
      await from.broadcast(payload);
      await to.waitFor(isMessage(payload), { what: "a broadcast" });
      const meta = toBase64(seededBytes(100, this.#nextSeed()));
      await from.command("updateMeta", { meta, timeout: 5_000 });
      await to.waitFor((event) => event.event === "update" && event.node.meta === meta, { what: "new metadata" });
    });
  }

  async #bothWays(act: (from: Peer, to: Peer) => Promise<void>): Promise<void> {
    const [first, second] = this.#peers;
    await act(first, second);
    await act(second, first);
  }

  #nextSeed(): number {
    return ++this.#lastSeed;
  }
}
