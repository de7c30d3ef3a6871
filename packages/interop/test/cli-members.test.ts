import { afterEach, expect, it } from "vitest";
import { runCli } from "../../cli/test/program.ts";
import { buildGoProgram } from "../src/go-toolchain.ts";
import { Peer, type PeerKind } from "../src/peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import { describeWithGo, nextHost, quiet, useCluster } from "./support.ts";

const key = toBase64(seededBytes(32, 7));
const otherKey = toBase64(seededBytes(32, 8));
const limit = { timeout: 60_000 };

interface Listed {
  readonly members: readonly { readonly name: string; readonly state: string; readonly metadata: object }[];
}

function args(address: string, label?: string): readonly string[] {
  return ["members", address, "--json", ...(label === undefined ? [] : ["--label", label])];
}

const cases: readonly (readonly [string, Partial<PeerConfig>])[] = [
  ["plain", {}],
  ["encrypted", { secretKey: key }],
  ["labelled", { label: "shop" }],
  ["encrypted and labelled", { secretKey: key, label: "shop" }],
];

describeWithGo.each(["go", "node"] as const satisfies readonly PeerKind[])("memberlist members against %s peers", (kind) => {
  const cluster = useCluster();

  it.each(cases)("%s: lists all members, and leaves no trace but one log line at most", limit, async (_what, config) => {
    const [first, second] = [
      await cluster.start(kind, "a", { ...quiet, ...config }),
      await cluster.start(kind, "b", { ...quiet, ...config }),
    ];
    await cluster.form(first, second);
    await first.updateMeta("role of a");
    const before = first.events.length;
    const env: Record<string, string> = config.secretKey === undefined ? {} : { MEMBERLIST_KEY: key };
    const { code, stdout, stderr } = await runCli(args(first.address, config.label), { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { members } = JSON.parse(stdout) as Listed;
    expect(members.map(({ name, state }) => `${name} ${state}`)).toEqual(["a alive", "b alive"]);
    expect(members[0]?.metadata).toMatchObject({ format: "text", text: "role of a" });
    // A later exchange: by its end, any change that the listing made would show.
    await first.ping(second);
    for (const peer of [first, second]) expect((await peer.members()).map(({ name }) => name).sort()).toEqual(["a", "b"]);
    const since = first.events.slice(before);
    expect(since.filter(({ event }) => event === "state")).toEqual([]);
    expect(since.filter(({ event }) => event === "log").length).toBeLessThanOrEqual(1);
  });

  it("names a wrong key, a missing key, a needless key, a wrong label and a missing label", limit, async () => {
    const encrypted = await cluster.start(kind, "a", { ...quiet, secretKey: key });
    const plain = await cluster.start(kind, "b", quiet);
    const labelled = await cluster.start(kind, "c", { ...quiet, label: "shop" });
    for (const [peer, label, env, sentence] of [
      [encrypted, undefined, { MEMBERLIST_KEY: otherKey }, "uses another key"],
      [encrypted, undefined, {}, "is encrypted, and no key was given"],
      [plain, undefined, { MEMBERLIST_KEY: key }, "leave the key out"],
      [labelled, "other", {}, 'its label is not "other"'],
      [labelled, undefined, {}, "it has a label, and none was given"],
    ] as const) {
      const { code, stderr } = await runCli(args(peer.address, label), { env });
      expect(stderr).toContain(sentence);
      expect(code).toBe(4);
    }
  });
});

describeWithGo("memberlist members against Serf", () => {
  const peers: Peer[] = [];
  afterEach(() => Promise.all(peers.splice(0).map((peer) => peer.stop())));

  it("lists its members with their tags, and Serf does not list the visitor", { timeout: 900_000 }, async () => {
    const start = async (name: string): Promise<{ readonly peer: Peer; readonly address: string }> => {
      const peer = await Peer.spawn("go", { command: [await buildGoProgram("go-serf")] });
      peers.push(peer);
      const config = { name, protocolVersion: 5, tags: { role: name, dc: "east" }, bindAddr: nextHost(), secretKey: key };
      const { addr, port } = await peer.serf("create", { config });
      return { peer, address: `${addr}:${port}` };
    };
    const [first, second] = [await start("web"), await start("db")];
    await second.peer.serf("join", { addresses: [first.address] });
    const { code, stdout } = await runCli(["members", first.address, "--filter", "dc=east", "--json"], {
      env: { MEMBERLIST_KEY: key },
    });
    expect(code).toBe(0);
    const { members } = JSON.parse(stdout) as Listed;
    expect(members).toMatchObject([
      { name: "db", state: "alive", metadata: { format: "tags", tags: { role: "db", dc: "east" } } },
      { name: "web", state: "alive", metadata: { format: "tags", tags: { role: "web", dc: "east" } } },
    ]);
    const listed = (await first.peer.serf("serfMembers", {})).members;
    expect(listed.map(({ name }) => name).sort()).toEqual(["db", "web"]);
  });
});
