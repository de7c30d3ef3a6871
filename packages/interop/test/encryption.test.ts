import { expect, it } from "vitest";
import type { Peer } from "../src/peer.ts";
import { seededBytes, toBase64, type PeerConfig } from "../src/peer-protocol.ts";
import { describeWithGo, fast, pairs, quiet, stateEvents, useCluster } from "./support.ts";

const key = (size: number, seed: number = size): string => toBase64(seededBytes(size, seed));

/** The states other than alive in which each has seen the other. */
function troubles(a: Peer, b: Peer): unknown[] {
  return [...stateEvents(a, b.name), ...stateEvents(b, a.name)].filter(({ state }) => state !== "alive");
}

/** Each message has a size that none before it had, so that waiting for it finds no old one. */
let sent = 0;

/** Both ways, by packet and by stream. */
async function expectMessages(a: Peer, b: Peer): Promise<void> {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    for (const [mode, least] of [
      ["bestEffort", 1],
      ["bestEffort", 1_100],
      ["reliable", 100_000],
    ] as const) {
      const size = least + sent++;
      await from.command("send", { node: to.name, mode, size, seed: size });
      await to.waitFor((event) => event.event === "message" && event.size === size, { what: `${size} bytes by ${mode}` });
    }
    expect(await from.ping(to)).toBeLessThan(150);
  }
}

describeWithGo.each(pairs)("a %s node with a key, beside a %s node with one,", (left, right) => {
  const cluster = useCluster();

  it.each([
    ["AES-128", { secretKey: key(16), enableCompression: false }],
    ["AES-192, compressed, under a label", { secretKey: key(24), label: "blue" }],
    ["AES-256, version 0, under a label", { secretKey: key(32), label: "blue", protocolVersion: 1 }],
  ] as const)("exchanges messages with it: %s", async (_what, config: Partial<PeerConfig>) => {
    const a = await cluster.start(left, "a", { ...fast, ...config, userState: toBase64("state of a") });
    // Protocol version 1 takes everybody's port to be its own.
    const { bindPort } = a.node;
    const b = await cluster.start(right, "b", { ...fast, ...config, bindPort, userState: toBase64("state of b") });
    await cluster.form(a, b);
    await expectMessages(a, b);
    for (const [peer, other] of [
      [a, "b"],
      [b, "a"],
    ] as const) {
      await peer.waitFor((event) => event.event === "pingComplete" && event.node === other, { what: `an answer of ${other}` });
    }
    expect(troubles(a, b)).toEqual([]);
  });

  it("reads both versions of encryption, and so does the other", async () => {
    const a = await cluster.start(left, "a", { ...fast, secretKey: key(16), protocolVersion: 1 });
    const { bindPort } = a.node;
    const b = await cluster.start(right, "b", { ...fast, bindPort, secretKey: key(16), protocolVersion: 2 });
    await cluster.form(a, b);
    await expectMessages(a, b);
    expect(troubles(a, b)).toEqual([]);
  });

  it.each([
    ["other keys", { secretKey: key(16, 1) }, { secretKey: key(16, 2) }],
    ["a key on one side", { secretKey: key(16, 1) }, {}],
    ["a key on the other side", {}, { secretKey: key(16, 1) }],
    ["one key and two labels", { secretKey: key(16, 1), label: "blue" }, { secretKey: key(16, 1), label: "green" }],
  ] as const)("stays apart with %s", async (_what, here, there) => {
    const a = await cluster.start(left, "a", { ...quiet, tcpTimeout: 1_000, ...here });
    const b = await cluster.start(right, "b", { ...quiet, tcpTimeout: 1_000, ...there });
    await expect(a.join(b)).rejects.toThrow("join");
    await expect(b.join(a)).rejects.toThrow("join");
    expect((await a.members()).map(({ name }) => name)).toEqual(["a"]);
    expect((await b.members()).map(({ name }) => name)).toEqual(["b"]);
  });

  it("rotates its key without a suspicion", async () => {
    const keyring = { keys: [], primary: key(16, 1) };
    const a = await cluster.start(left, "a", { ...fast, keyring });
    const b = await cluster.start(right, "b", { ...fast, keyring });
    await cluster.form(a, b);
    const next = key(32, 2);
    for (const command of ["addKey", "useKey"] as const) {
      for (const peer of [a, b]) await peer.command(command, { key: next });
      await expectMessages(a, b);
    }
    for (const peer of [a, b]) await peer.command("removeKey", { key: keyring.primary });
    await expectMessages(a, b);
    for (const peer of [a, b]) expect(await peer.command("listKeys", {})).toEqual({ keys: [next] });
    expect(troubles(a, b)).toEqual([]);
  });

  it("stays connected at each step to encryption", async () => {
    const secretKey = key(16, 1);
    const steps: readonly (readonly [Partial<PeerConfig>, Partial<PeerConfig>])[] = [
      [{ secretKey, gossipVerifyIncoming: false, gossipVerifyOutgoing: false }, {}],
      [
        { secretKey, gossipVerifyIncoming: false },
        { secretKey, gossipVerifyIncoming: false, gossipVerifyOutgoing: false },
      ],
      [{ secretKey }, { secretKey, gossipVerifyIncoming: false }],
    ];
    for (const [i, [here, there]] of steps.entries()) {
      const a = await cluster.start(left, "a", { ...fast, ...here });
      const b = await cluster.start(right, "b", { ...fast, ...there });
      await cluster.form(a, b);
      await expectMessages(a, b);
      expect([i, troubles(a, b)]).toEqual([i, []]);
      await cluster.stop();
    }
  });
});
