import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Keyring, type Crypto } from "../../src/index.ts";
import { encodeKey } from "../../src/encryption/key.ts";
import { aesCrypto, patterned } from "../wire/aes.ts";
import { bytes, clusters, codes, names, outcome, text, type NodeConfig, type TestNode } from "./cluster.ts";
import { Accusations, allSee, rejection, sentPackets, shows } from "./encryption-support.ts";

const cluster = clusters();
const [oldKey, newKey] = [patterned(16, 1), patterned(32, 2)];

describe("a node with a secret key", () => {
  it.each([
    ["no bytes", new Uint8Array(), "ok", undefined],
    ["3 bytes", bytes("abc"), "invalid_config", undefined],
    ["16 bytes", new Uint8Array(16), "ok", 1],
    ["24 bytes", new Uint8Array(24), "ok", 1],
    ["32 bytes", new Uint8Array(32), "ok", 1],
    ["38 bytes", new Uint8Array(38), "invalid_config", undefined],
  ])("starts or refuses its config, with a key of %s: %s [Create_secretKey]", async (_what, secretKey, expected, keys) => {
    const one = cluster();
    expect(await outcome(one.start({ secretKey }))).toBe(expected);
    expect(one.nodes[0]?.members.keyring?.size).toBe(keys);
  });

  it("encrypts with its keyring if it has no secret key [Create_keyringOnly]", async () => {
    const one = cluster();
    const keyring = new Keyring([], oldKey);
    const packets = sentPackets(one);
    const [a] = await one.joined(2, { keyring, enableCompression: false });
    expect(a?.members.keyring).toBe(keyring);
    await one.advance(5_000);
    expect(packets.length).toBeGreaterThan(10);
    expect(new Set(packets.map((packet) => packet.bytes[0]))).toEqual(new Set([1]));
    expect(shows(packets, "node-")).toBe(false);
  });

  it("adds the secret key to its keyring as the primary key [Create_keyringAndSecretKey]", async () => {
    const keyring = new Keyring([], oldKey);
    const { members } = await cluster().start({ keyring, secretKey: newKey });
    expect(members.keyring).toBe(keyring);
    expect(keyring.getKeys()).toEqual([newKey, oldKey]);
  });

  it("shows the key nowhere while it runs", async () => {
    const one = cluster();
    const { members, log } = await one.start({ secretKey: newKey });
    await rejection(one.settle(members.join(["10.0.0.9"])));
    expect(members.config.secretKey).toBeUndefined();
    const shown = [members, members.config, members.keyring, log].map((what) =>
      inspect(what, { showHidden: true, depth: 12, maxArrayLength: null }),
    );
    const all = [...shown, JSON.stringify(members.config), JSON.stringify(members.keyring), String(members.keyring)].join("\n");
    expect(all).toContain("Keyring(1 key; bytes: 32)");
    const forms = [
      newKey.slice(0, 6).join(", "),
      newKey.slice(0, 6).join(","),
      encodeKey(newKey),
      Buffer.from(newKey).toString("hex"),
    ];
    const spaced = Buffer.from(newKey.slice(0, 6))
      .toString("hex")
      .replaceAll(/(..)(?=.)/g, "$1 ");
    for (const form of [...forms, spaced, '"0":']) expect(all).not.toContain(form);
  });

  it("uses only its transport's crypto if there is one", async () => {
    const one = cluster();
    const prepared: string[] = [];
    const crypto: Crypto = {
      aesGcm: (key) => {
        prepared.push(encodeKey(key));
        return aesCrypto.aesGcm(key);
      },
    };
    const transport = Object.assign(one.network.transport({ host: "10.0.3.1" }), { crypto });
    const a = await one.start({ transport, secretKey: oldKey });
    const b = await one.start({ secretKey: oldKey });
    expect((await one.settle(a.members.join([b.seed]))).reached).toBe(1);
    expect(prepared).toEqual([encodeKey(oldKey)]);
  });
});

describe("an encrypted cluster", () => {
  it("supports all operations, in both encryption versions at once", async () => {
    const one = cluster();
    const accusations = new Accusations();
    const got: string[] = [];
    const delegate = {
      notifyMsg: (message: Uint8Array) => void got.push(text(message)),
      localState: () => bytes("state"),
      mergeRemoteState: (state: Uint8Array) => void got.push(text(state)),
    };
    const packets = sentPackets(one);
    const nodes = await one.joined(4, (i) => ({
      secretKey: oldKey,
      protocolVersion: i % 2 === 0 ? 1 : 2,
      enableCompression: false,
      metrics: accusations.metrics,
      ...(i === 1 ? { delegate } : {}),
    }));
    const [a, b] = nodes as [TestNode, TestNode];
    await one.settle(a.members.updateNode({ meta: bytes("role=web") }));
    a.members.sendBestEffort(b.members.localNode(), bytes("by packet"));
    await one.settle(a.members.sendReliable(b.members.localNode(), bytes("by stream")));
    expect(await one.settle(a.members.ping(b.seed))).toBe(2);
    await one.advance(60_000);
    expect(got).toEqual(expect.arrayContaining(["by packet", "by stream"]));
    expect(b.members.members().find(({ name }) => name === a.name)?.meta).toEqual(bytes("role=web"));
    expect([allSee(nodes), accusations.count]).toEqual([true, 0]);
    for (const node of nodes) expect([node.members.counters(), node.members.healthScore()]).toEqual([{}, 0]);
    expect(new Set(packets.map((packet) => packet.bytes[0]))).toEqual(new Set([0, 1]));
    expect(shows(packets, "node-") || shows(packets, "by packet") || shows(packets, "role=web")).toBe(false);
  });

  it.each([1, 2])("never sends a packet over udpBufferSize, protocol version %i", async (protocolVersion) => {
    const one = cluster();
    const packets = sentPackets(one);
    const waiting = Array.from({ length: 300 }, (_, i) => patterned(20 + (i % 90), i));
    const delegate = {
      getBroadcasts: (overhead: number, limit: number) => {
        const taken: Uint8Array[] = [];
        for (let used = 0; waiting.length > 0;) {
          used += overhead + (waiting[0] as Uint8Array).length;
          if (used > limit) break;
          taken.push(waiting.shift() as Uint8Array);
        }
        return taken;
      },
    };
    const fields = { secretKey: newKey, protocolVersion, label: "some-label", enableCompression: false, meta: patterned(512, 7) };
    await one.joined(6, (i) => ({ ...fields, ...(i === 0 ? { delegate } : {}) }));
    await one.advance(10_000);
    const sizes = packets.map((packet) => packet.bytes.length);
    expect(waiting).toEqual([]);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1400);
    // Packets are filled: the reserved overhead is exact.
    expect(Math.max(...sizes)).toBeGreaterThan(1400 - 110);
  });

  it("admits only nodes with its label and its key [Join_with_Labels_and_Encryption]", async () => {
    const one = cluster();
    // Healing would retry, and every dropped stream is counted.
    const healingInterval = 0;
    const [a, b] = (await one.joined(2, { label: "blah", secretKey: oldKey, healingInterval })) as [TestNode, TestNode];
    const strangers = [
      { label: "", secretKey: oldKey },
      { label: "not-blah", secretKey: oldKey },
      { label: "blah", secretKey: newKey },
      { label: "blah" },
    ];
    for (const fields of strangers) {
      const stranger = await one.start({ ...fields, healingInterval });
      expect(await outcome(one.settle(stranger.members.join([a.seed])))).toBe("join_failed");
      expect(await outcome(one.settle(a.members.join([stranger.seed])))).toBe("join_failed");
      expect(names(stranger)).toEqual([stranger.name]);
    }
    const friend = await one.start({ label: "blah", secretKey: oldKey });
    expect((await one.settle(friend.members.join([a.seed]))).reached).toBe(1);
    await one.until(() => allSee([a, b, friend]));
    expect(a.members.counters()).toEqual({
      "stream_dropped.label_mismatch": 2,
      "stream_dropped.decrypt_failed": 1,
      "stream_dropped.not_encrypted": 1,
    });
  });
});

describe("the error of a refused join", () => {
  const attempt = async (
    ours: NodeConfig,
    theirs: NodeConfig,
  ): Promise<{ code: unknown; counters: unknown; codes: string[] }> => {
    const one = cluster();
    const there = await one.start(theirs);
    const here = await one.start(ours);
    const error = (await rejection(one.settle(here.members.join([there.seed])))) as { code: string; cause: { code: string } };
    expect(error.code).toBe("join_failed");
    expect([names(here), names(there)]).toEqual([[here.name], [there.name]]);
    return { code: error.cause.code, counters: there.members.counters(), codes: codes(there) };
  };

  it("names a key mismatch [Gossip_MismatchedKeys]", async () => {
    expect(await attempt({ secretKey: newKey }, { secretKey: oldKey })).toEqual({
      code: "decrypt_failed",
      counters: { "stream_dropped.decrypt_failed": 1 },
      codes: ["stream_dropped"],
    });
  });

  it("says that the peer has no key", async () => {
    expect(await attempt({ secretKey: newKey }, {})).toMatchObject({
      code: "not_encrypted",
      counters: { "stream_dropped.decrypt_failed": 1 },
    });
  });

  it("says that this node has no key", async () => {
    expect(await attempt({}, { secretKey: newKey })).toMatchObject({
      code: "decrypt_failed",
      counters: { "stream_dropped.not_encrypted": 1 },
    });
  });

  it("shows only a closed stream for another label", async () => {
    expect(await attempt({ secretKey: newKey, label: "a" }, { secretKey: newKey, label: "b" })).toMatchObject({
      code: "stream_closed",
      counters: { "stream_dropped.label_mismatch": 1 },
    });
  });

  it("contains the peer's reason if plaintext answers are still accepted", async () => {
    expect(await attempt({ secretKey: newKey, gossipVerifyIncoming: false }, {})).toMatchObject({ code: "remote_error" });
  });

  it("says that an encrypted message of 20 MiB is too large before it is sent", async () => {
    const one = cluster();
    const [a, b] = (await one.joined(2, { secretKey: oldKey, enableCompression: false, probeInterval: 0 })) as [
      TestNode,
      TestNode,
    ];
    const most = new Uint8Array(20 * 1024 * 1024);
    const sending = a.members.sendReliable(b.members.localNode(), most);
    expect(await outcome(one.settle(sending))).toBe("message_too_large");
    expect(a.members.numMembers()).toBe(2);
  });
});
