import { describe, expect, it } from "vitest";
import { fetchMembers, Keyring, type TransportStream, type FetchMembersOptions, type MemberlistError } from "../../src/index.ts";
import { encodePushPull } from "../../src/wire/messages/push-pull.ts";
import { bytes, clusters, codes, outcome, type Cluster } from "./cluster.ts";

const cluster = clusters();
const key = bytes("0123456789abcdef");
const otherKey = bytes("fedcba9876543210");

function fetching(one: Cluster, seed: string, options: Partial<FetchMembersOptions> = {}): ReturnType<typeof fetchMembers> {
  return fetchMembers(seed, { transport: one.network.transport(), clock: one.clock, ...options });
}

/** The error of a fetch that fails. */
async function failure(one: Cluster, seed: string, options: Partial<FetchMembersOptions> = {}): Promise<MemberlistError> {
  const failed = fetching(one, seed, options).then(
    () => undefined,
    (error: unknown) => error as MemberlistError,
  );
  const error = await one.settle(failed);
  if (error === undefined) throw new Error("it did not fail");
  return error;
}

/** An address that answers the first bytes of each stream with `answer`; undefined: never. */
function answering(one: Cluster, host: string, answer: (received: Uint8Array) => Uint8Array | undefined): string {
  const transport = one.network.transport({ host });
  transport.listen({
    packet: () => true,
    stream: (stream) => {
      const serve = async (): Promise<void> => {
        const { value } = await stream.readable.getReader().read();
        const reply = answer(value ?? new Uint8Array(0));
        if (reply !== undefined) await stream.writable.getWriter().write(reply);
      };
      serve().catch(() => undefined);
    },
  });
  return transport.key;
}

describe("fetchMembers", () => {
  it("returns all members that a member knows, with their metadata and versions, and the size of the application's state", async () => {
    const one = cluster();
    const delegate = { localState: () => bytes("state") };
    const nodes = await one.joined(3, (i) => ({ meta: bytes(`m${i}`), delegate: i === 0 ? delegate : undefined }));
    await one.settle((nodes[2] as (typeof nodes)[0]).members.leave());
    await one.advance(5_000);
    const found = await one.settle(fetching(one, nodes[0]?.address ?? ""));
    expect(found).toMatchObject({ address: nodes[0]?.address, stateBytes: 5, skipped: 0 });
    const members = found.members.map(({ name, state, meta, pMax, incarnation }) => ({
      name,
      state,
      meta: new TextDecoder().decode(meta),
      pMax,
      isNew: incarnation > 0,
    }));
    expect(members.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: "node-0", state: "alive", meta: "m0", pMax: 5, isNew: true },
      { name: "node-1", state: "alive", meta: "m1", pMax: 5, isNew: true },
      { name: "node-2", state: "left", meta: "m2", pMax: 5, isNew: true },
    ]);
  });

  it("leaves no trace: no member, no event and no log line at the peer, with and without key and label", async () => {
    for (const config of [{}, { secretKey: key }, { label: "shop" }, { secretKey: key, label: "shop" }]) {
      const one = cluster();
      const nodes = await one.joined(2, config);
      const [first] = nodes;
      const before = { log: first?.log.length, events: first?.members.recentEvents().length };
      const found = await one.settle(fetching(one, first?.address ?? "", config));
      await one.advance(3_000);
      expect(found.members).toHaveLength(2);
      expect({ log: first?.log.length, events: first?.members.recentEvents().length }).toEqual(before);
      expect(nodes.map(({ members }) => members.members({}).length)).toEqual([2, 2]);
      expect(first?.members.counters()).toEqual({});
    }
  });

  it("names the cause: wrong key, missing key, needless key, wrong label, missing label", async () => {
    const one = cluster();
    const plain = await one.start();
    const encrypted = await one.start({ secretKey: key });
    const labelled = await one.start({ label: "shop" });
    const wrongKey = await failure(one, encrypted.address, { secretKey: otherKey });
    expect(wrongKey).toMatchObject({ code: "decrypt_failed", message: expect.stringContaining("uses another key") });
    const noKey = await failure(one, encrypted.address);
    expect(noKey).toMatchObject({
      code: "decrypt_failed",
      message: expect.stringContaining("is encrypted, and no key was given"),
    });
    const needless = await failure(one, plain.address, { secretKey: key });
    expect(needless).toMatchObject({ code: "not_encrypted", message: expect.stringContaining("leave the key out") });
    const wrongLabel = await failure(one, labelled.address, { label: "other" });
    expect(wrongLabel.message).toContain('its label is not "other"');
    const noLabel = await failure(one, labelled.address);
    expect(noLabel.message).toContain("it has a label, and none was given");
    expect(codes(plain)).toEqual(["stream_dropped"]);
    for (const error of [wrongKey, noKey, needless, wrongLabel, noLabel]) expect(error.details["address"]).toMatch(/:7946$/);
  });

  it("names the protocol of a port that answers, or that answers only its own protocol", async () => {
    const one = cluster();
    const http = bytes("HTTP/1.0 400 Bad Request\r\n\r\n");
    const eager = answering(one, "10.1.0.1", () => http);
    const patient = answering(one, "10.1.0.2", (received) => (received[0] === 0x47 ? http : undefined));
    const ssh = answering(one, "10.1.0.3", () => bytes("SSH-2.0-OpenSSH_9.2\r\n"));
    const tls = answering(one, "10.1.0.4", () => new Uint8Array([0x15, 3, 1, 0, 2, 2, 10]));
    for (const [address, protocol] of [
      [eager, "HTTP"],
      [patient, "HTTP"],
      [ssh, "SSH"],
      [tls, "TLS"],
    ] as const) {
      const error = await failure(one, address);
      expect(error).toMatchObject({ code: "protocol_error", details: { protocol } });
      expect(error.message).toBe(
        `${address} speaks ${protocol}: it is not a gossip port. Pass the port of memberlist, often 7946`,
      );
    }
  });

  it("distinguishes in its errors an address where no process listens from one that accepts and is silent", async () => {
    const one = cluster();
    const nobody = await failure(one, "10.9.9.9:7946", { timeout: 4_000 });
    expect(nobody.code).toBe("dial_failed");
    expect(nobody.message).toMatch(/^nobody listens at 10\.9\.9\.9:7946 \(TCP\)/);
    const silent = answering(one, "10.1.0.1", () => undefined);
    const since = one.clock.now();
    const error = await failure(one, silent, { timeout: 4_000 });
    expect(error).toMatchObject({ code: "timeout", message: expect.stringContaining("sent no answer in time") });
    expect(one.clock.now() - since).toBeLessThan(4_100);
  });

  it("stops on its signal, and refuses unknown options and wrong keys without connecting", async () => {
    const one = cluster();
    const silent = answering(one, "10.1.0.1", () => undefined);
    const stop = new AbortController();
    const running = outcome(fetching(one, silent, { signal: stop.signal }));
    await one.advance(100);
    stop.abort();
    expect(await one.settle(running)).toBe("aborted");
    expect(await outcome(fetching(one, silent, { lable: "x" } as object))).toBe("invalid_argument");
    expect(await outcome(fetching(one, silent, { secretKey: bytes("short") }))).toBe("invalid_config");
    expect(await outcome(fetchMembers(silent, {} as FetchMembersOptions))).toBe("invalid_argument");
  });

  it("bounds the answer of a hostile peer, and leaves invalid members out", async () => {
    const one = cluster();
    const node = (name: string, state: number): Parameters<typeof encodePushPull>[1] =>
      [{ name, addr: "10.0.0.1", port: 1, meta: bytes(""), incarnation: 1, state, vsn: [1, 5, 2, 0, 0, 0] }] as const;
    const many = answering(one, "10.1.0.1", () => encodePushPull(false, [...node("a", 0), ...node("b", 1)], bytes("")));
    const error = await failure(one, many, { limits: { maxPushStateNodes: 1 } });
    expect(error).toMatchObject({ code: "limit_exceeded", details: { name: "maxPushStateNodes" } });
    const odd = answering(one, "10.1.0.2", () =>
      encodePushPull(false, [...node("a", 0), ...node("", 0), ...node("c", 9)], bytes("")),
    );
    const found = await one.settle(fetching(one, odd));
    expect(found.members.map(({ name }) => name)).toEqual(["a"]);
    expect(found.skipped).toBe(2);
  });

  it("tries all addresses of a seed, and reports the first failure when none answers", async () => {
    const one = cluster();
    const node = await one.start();
    const seeds = ["10.9.9.9:7946", node.address];
    const found = await one.settle(fetchMembers(() => seeds, { transport: one.network.transport(), clock: one.clock }));
    expect(found.address).toBe(node.address);
    const none = await failure(one, "10.9.9.9:7946");
    expect(none.details["address"]).toBe("10.9.9.9:7946");
  });

  it("leaves time for the other addresses of a seed when one does not answer", async () => {
    const one = cluster();
    const node = await one.start();
    const seeds = [answering(one, "10.1.0.1", () => undefined), node.address];
    const transport = one.network.transport();
    const found = await one.settle(fetchMembers(() => seeds, { transport, clock: one.clock, timeout: 4_000 }));
    expect(found.address).toBe(node.address);
  });

  it("asks nothing but its question of a member whose answer takes long", async () => {
    const one = cluster();
    const state = encodePushPull(false, [], bytes("state"));
    const questions: Uint8Array[] = [];
    const slow = one.network.transport({ host: "10.1.0.1" });
    const serve = async (stream: TransportStream): Promise<void> => {
      const { value } = await stream.readable.getReader().read();
      if (value !== undefined) questions.push(value);
      const writer = stream.writable.getWriter();
      for (const byte of state) {
        await writer.write(Uint8Array.of(byte));
        await new Promise<void>((resolve) => one.clock.setTimeout(resolve, 5_000 / state.length));
      }
    };
    slow.listen({ packet: () => true, stream: (stream) => void serve(stream).catch(() => undefined) });
    const found = await one.settle(fetching(one, slow.key));
    expect(found.stateBytes).toBe(5);
    expect(questions).toHaveLength(1);
  });

  it("does not change the caller's keyring", async () => {
    const one = cluster();
    const node = await one.start({ secretKey: key });
    const keyring = new Keyring([], otherKey);
    const found = await one.settle(fetching(one, node.address, { keyring, secretKey: key }));
    expect(found.members).toHaveLength(1);
    expect(keyring.getKeys()).toEqual([otherKey]);
  });
});
