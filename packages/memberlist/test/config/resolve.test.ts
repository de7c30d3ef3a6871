import { ConfigError } from "../../src/api/errors.ts";
import type { Delegate } from "../../src/api/delegates.ts";
import { describe, expect, it } from "vitest";
import { resolveConfig } from "../../src/config/resolve.ts";
import { kubernetesConfig, lanConfig, localConfig, wanConfig } from "../../src/config/defaults.ts";
import type { Config, ResolvedConfig } from "../../src/config/config.ts";
import type { Limits } from "../../src/config/limits.ts";
import { Keyring } from "../../src/encryption/keyring.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { VirtualClock } from "../../src/testing/virtual-clock.ts";

function nothing(): void {}

const s = 1_000;
const presets: readonly [field: keyof Config, lan: unknown, wan: unknown, local: unknown][] = [
  ["label", "", "", ""],
  ["skipInboundLabelCheck", false, false, false],
  ["bindAddr", "0.0.0.0", "0.0.0.0", "0.0.0.0"],
  ["bindPort", 7946, 7946, 7946],
  ["advertiseAddr", "", "", ""],
  ["advertisePort", 0, 0, 0],
  ["addressCheckInterval", 5 * s, 5 * s, 5 * s],
  ["protocolVersion", 2, 2, 2],
  ["tcpTimeout", 10 * s, 30 * s, 1 * s],
  ["indirectChecks", 3, 3, 1],
  ["retransmitMult", 4, 4, 2],
  ["suspicionMult", 4, 6, 3],
  ["suspicionMaxTimeoutMult", 6, 6, 6],
  ["pushPullInterval", 30 * s, 60 * s, 15 * s],
  ["probeTimeout", 500, 3 * s, 200],
  ["probeInterval", 1 * s, 5 * s, 1 * s],
  ["disableTcpPings", false, false, false],
  ["awarenessMaxMultiplier", 8, 8, 8],
  ["gossipNodes", 3, 4, 3],
  ["gossipInterval", 200, 500, 100],
  ["gossipToTheDeadTime", 30 * s, 60 * s, 15 * s],
  ["gossipVerifyIncoming", true, true, true],
  ["gossipVerifyOutgoing", true, true, true],
  ["enableCompression", true, true, true],
  ["userBroadcastShare", 0.25, 0.25, 0.25],
  ["lagAwareness", true, true, true],
  ["coalesceMessages", true, true, true],
  ["delegateProtocolVersion", 0, 0, 0],
  ["delegateProtocolMin", 0, 0, 0],
  ["delegateProtocolMax", 0, 0, 0],
  ["handoffQueueDepth", 1024, 1024, 1024],
  ["udpBufferSize", 1400, 1400, 1400],
  ["deadNodeReclaimTime", 0, 0, 0],
  ["requireNodeNames", false, false, false],
  ["queueCheckInterval", 30 * s, 30 * s, 30 * s],
  ["dnsConfigPath", "/etc/resolv.conf", "/etc/resolv.conf", "/etc/resolv.conf"],
  ["metricLabels", {}, {}, {}],
  ["eventsCapacity", 1024, 1024, 1024],
  ["healingInterval", 30 * s, 60 * s, 15 * s],
  ["healingTimeout", 86_400 * s, 86_400 * s, 86_400 * s],
];

describe("each preset", () => {
  it.each(presets)("sets %s as documented", (field, lan, wan, local) => {
    const at = field as keyof ReturnType<typeof lanConfig>;
    expect([lanConfig()[at], wanConfig()[at], localConfig()[at]]).toEqual([lan, wan, local]);
  });

  it("sets no other field, and allows all networks", () => {
    const fields = presets.map(([field]) => field).toSorted();
    for (const preset of [lanConfig(), wanConfig(), localConfig(), kubernetesConfig()])
      expect(Object.keys(preset).toSorted()).toEqual(fields);
  });

  it("returns a fresh object each time", () => {
    const first = lanConfig();
    first.bindPort = 1;
    expect(lanConfig().bindPort).toBe(7946);
    expect(lanConfig().metricLabels).not.toBe(first.metricLabels);
  });

  it("speaks protocol version 2, which every Go peer understands [DefaultLANConfig_protocolVersion]", () => {
    expect(lanConfig().protocolVersion).toBe(2);
  });

  it("passes validation with a name", () => {
    for (const preset of [lanConfig(), wanConfig(), localConfig(), kubernetesConfig()]) {
      expect(resolveConfig({ ...preset, name: "web-1" }).name).toBe("web-1");
    }
  });
});

describe("resolveConfig", () => {
  it("fills in the LAN defaults for fields that are missing or undefined", () => {
    const resolved = resolveConfig({ name: "a", bindPort: undefined, gossipNodes: 7 });
    expect(resolved).toMatchObject({ ...lanConfig(), name: "a", gossipNodes: 7 });
  });

  it("adds the runtime's clock and randomness unless the config has its own", () => {
    const clock = new VirtualClock();
    const random = new SeededRandom(1);
    const given = resolveConfig({ name: "a", clock, random });
    expect(given.clock).toBe(clock);
    expect(given.random).toBe(random);
    const filled = resolveConfig({ name: "a" });
    expect(filled.clock.now()).toBeTypeOf("number");
    expect(filled.random.next()).toBeLessThan(1);
  });

  it("shares nothing mutable with the caller", () => {
    const config = {
      name: "a",
      cidrsAllowed: ["10.0.0.0/8"],
      metricLabels: { dc: "a" },
      meta: Uint8Array.of(1),
      secretKey: new Uint8Array(16),
      broadcastQueue: { maxCount: 5 },
    };
    const resolved = resolveConfig(config);
    config.broadcastQueue.maxCount = 6;
    config.name = "b";
    config.cidrsAllowed.push("0.0.0.0/0");
    config.metricLabels.dc = "b";
    config.meta[0] = 9;
    config.secretKey[0] = 9;
    expect(resolved).toMatchObject({ name: "a", cidrsAllowed: ["10.0.0.0/8"], metricLabels: { dc: "a" } });
    expect([resolved.meta?.[0], resolved.secretKey?.[0]]).toEqual([1, 0]);
    expect(resolved.broadcastQueue).toEqual({ maxCount: 5 });
    expect(Object.isFrozen(resolved.broadcastQueue)).toBe(true);
    expect(resolveConfig({ name: "a" }).broadcastQueue).toBeUndefined();
  });

  it("fills in missing limits, and keeps the limits per peer at or below the total", () => {
    const limits: Limits = { maxUserMsgBytes: 5, maxPushStateNodes: undefined };
    const resolved = resolveConfig({ name: "a", limits });
    expect(resolved.limits).toEqual({
      maxPushStateBytes: 20 * 1024 * 1024,
      maxPushStateNodes: 263_168,
      maxUserMsgBytes: 5,
      maxDecompressedBytes: 40 * 1024 * 1024,
      maxPushPullRequests: 128,
      maxPushPullRequestsPerPeer: 64,
      maxInboundStreams: 1_024,
      maxInboundStreamsPerPeer: 256,
      maxInboundStreamBytes: 256 * 1024 * 1024,
      maxMembers: 131_072,
      maxPushPullAnswerBytes: 128 * 1024 * 1024,
      maxMembershipBroadcasts: 16_384,
      maxMembershipBroadcastBytes: 16 * 1024 * 1024,
    });
    expect(Object.isFrozen(resolved.limits)).toBe(true);
    expect(resolveConfig(resolved)).toEqual(resolved);
    expect(resolveConfig({ name: "a", limits: { maxInboundStreams: 7 } }).limits.maxInboundStreamsPerPeer).toBe(7);
    expect(resolveConfig({ name: "a", limits: { maxPushPullRequests: 7 } }).limits.maxPushPullRequestsPerPeer).toBe(7);
    const nodes = (given: Limits): number => resolveConfig({ name: "a", limits: given }).limits.maxPushStateNodes;
    expect([nodes({ maxMembers: 10 }), nodes({ maxMembers: 1_048_576 })]).toEqual([1_044, 1_048_576]);
    expect(nodes({ maxMembers: 10, maxPushStateNodes: 500_000 })).toBe(500_000);
  });

  it("freezes its result", () => {
    const resolved = resolveConfig({ name: "a", cidrsAllowed: [], metricLabels: {} }) as {
      -readonly [K in keyof ResolvedConfig]: unknown;
    };
    expect(() => {
      resolved.name = "b";
    }).toThrow(TypeError);
    expect(Object.isFrozen(resolved.cidrsAllowed)).toBe(true);
    expect(Object.isFrozen(resolved.metricLabels)).toBe(true);
  });

  it("returns the same config when it is resolved again", () => {
    const once = resolveConfig({ ...wanConfig(), name: "a", secretKey: new Uint8Array(32), cidrsAllowed: [] });
    expect(resolveConfig(once)).toEqual(once);
  });

  it("treats an empty secret key as no key [Create_secretKeyEmpty]", () => {
    expect(resolveConfig({ name: "a", secretKey: new Uint8Array(0) }).secretKey).toBeUndefined();
  });

  it("distinguishes no cidrsAllowed (all networks) from an empty list (none)", () => {
    expect(resolveConfig({ name: "a" }).cidrsAllowed).toBeUndefined();
    expect(resolveConfig({ name: "a", cidrsAllowed: [] }).cidrsAllowed).toEqual([]);
  });

  it("keeps the keyring itself, whose changes take effect later", () => {
    const keyring = new Keyring([], new Uint8Array(16));
    expect(resolveConfig({ name: "a", keyring }).keyring).toBe(keyring);
  });
});

describe("ConfigError", () => {
  const failure = (config: unknown): ConfigError => {
    try {
      resolveConfig(config as Config);
    } catch (error) {
      if (error instanceof ConfigError) return error;
    }
    throw new Error("no ConfigError");
  };

  it("names every wrong field at once, with its value and the allowed values, one per line", () => {
    const error = failure({ name: "", tcpTimeout: -1, bindPort: 70_000, label: 5 });
    expect(error.code).toBe("invalid_config");
    expect(error.name).toBe("ConfigError");
    expect(error.issues.map(({ field, value }) => [field, value])).toEqual([
      ["name", ""],
      ["label", 5],
      ["bindPort", 70_000],
      ["tcpTimeout", -1],
    ]);
    expect(error.message.split("\n")).toEqual([
      "invalid config:",
      '  name must be a string of 1 to 255 bytes (UTF-8); it is ""',
      "  label must be a string of at most 255 bytes (UTF-8); it is 5",
      "  bindPort must be a whole number from 0 to 65535; it is 70000",
      "  tcpTimeout must be a duration of 1 to 2147483647 ms; it is -1",
    ]);
    expect(error.details).toEqual({ fields: ["name", "label", "bindPort", "tcpTimeout"] });
  });

  it("says that the name is missing", () => {
    expect(failure({}).message).toContain("name must be a string of 1 to 255 bytes (UTF-8); it is missing");
  });

  it.each([undefined, null, 5, "x", []])("refuses %j as a config", (config) => {
    const { issues } = failure(config);
    expect(issues.map(({ field, expected }) => [field, expected])).toEqual([["config", "an object with at least a name"]]);
  });

  it.each([
    ["tcpTimout", "tcpTimeout"],
    ["TCPTimeout", "tcpTimeout"],
    ["UDPBufferSize", "udpBufferSize"],
    ["cidrAllowed", "cidrsAllowed"],
    ["gossipNode", "gossipNodes"],
    ["advertiseAddress", "advertiseAddr"],
  ])("suggests a field name for %s", (wrong, right) => {
    const [issue] = failure({ name: "a", [wrong]: 1 }).issues;
    expect(issue).toEqual({
      field: wrong,
      value: "(not shown)",
      expected: `left out, or ${right}`,
      message: `"${wrong}" is not a config field; did you mean ${right}?`,
    });
  });

  it.each([
    [{ limits: { maxMember: 5 } }, "limits.maxMember is not an option; did you mean maxMembers?"],
    [{ limits: { colour: 5 } }, "limits.colour is not an option"],
    [{ limits: { maxMembers: 0 } }, "limits.maxMembers must be a whole number from 1 to 1048576; it is 0"],
    [{ broadcastQueue: { maxCounts: 1 } }, "broadcastQueue.maxCounts is not an option; did you mean maxCount?"],
    [{ delegate: { notifyMessage: nothing } }, "delegate.notifyMessage is never called; did you mean notifyMsg?"],
    [{ delegate: { getBroadcast: nothing } }, "delegate.getBroadcast is never called; did you mean getBroadcasts?"],
    [{ events: { notifyjoin: nothing } }, "events.notifyjoin is never called; did you mean notifyJoin?"],
    [
      { events: { notifySuspicion: nothing } },
      "events.notifySuspicion is never called; did you mean notifyJoin or notifyLeave or notifyUpdate?",
    ],
    [{ conflict: { notifyConflicts: nothing } }, "conflict.notifyConflicts is never called; did you mean notifyConflict?"],
    [
      { delegate: { getBroadcasts: undefined, getBroadcast: nothing } },
      "delegate.getBroadcast is never called; did you mean getBroadcasts?",
    ],
    [{ ping: { ackPayloads: nothing } }, "ping.ackPayloads is never called; did you mean ackPayload?"],
    [
      { ping: Object.assign(Object.create(null), { ackPayloads: nothing }) },
      "ping.ackPayloads is never called; did you mean ackPayload?",
    ],
    [{ probeTimeout: 2_000 }, "probeTimeout must be less than probeInterval (1000 ms); it is 2000"],
    [
      { probeInterval: 1e9, awarenessMaxMultiplier: 1 },
      "probeInterval must be so short that the longest suspicion (probeInterval · suspicionMult · suspicionMaxTimeoutMult · 7) is at most 2147483647 ms; 0 switches probing off; it is 1000000000",
    ],
    [
      { probeInterval: 12e6, awarenessMaxMultiplier: 1_000 },
      "probeInterval must be so short that probeInterval · awarenessMaxMultiplier is at most 2147483647 ms; 0 switches probing off; it is 12000000",
    ],
    [
      { delegateProtocolVersion: 5, delegateProtocolMax: 4 },
      "delegateProtocolVersion must be from delegateProtocolMin (0) to delegateProtocolMax (4); it is 5",
    ],
    [
      { tags: { role: "web" }, meta: new Uint8Array(1) },
      "tags must be left out when meta is given, because tags are the whole metadata; it is an object with role: a string",
    ],
    [
      { tags: { role: "web" }, delegate: { nodeMeta: nothing } },
      "tags must be left out when the delegate has nodeMeta, because both are the whole metadata: return encodeTags(…) from nodeMeta; it is an object with role: a string",
    ],
    [{ tags: { note: "x".repeat(600) } }, "tags take 610 bytes of metadata, and the limit is 512: shorten them"],
    [
      { logger: { debug: nothing, info: nothing, warn: nothing, error: nothing }, logOutput: { write: nothing } },
      "logOutput must be left out when logger is given, because a line goes to one of them; it is an object with write: a function",
    ],
    [
      { udpBufferSize: 128, keyring: new Keyring() },
      "udpBufferSize must be at least 131, which this node's own messages take with its name, label, metadata and encryption; it is 128",
    ],
  ])("names only the wrong fields of %o", (wrong, message) => {
    expect(failure({ name: "a", ...wrong }).message).toBe(`invalid config:\n  ${message}`);
  });

  it("accepts other methods and properties of a delegate", () => {
    class WithHelpers {
      notifyMessage(): void {}
      readonly notifyOthers = nothing;
    }
    const all = { nodeMeta: nothing, notifyMsg: nothing, notifyJoin: nothing, notifyMerge: nothing, notifyConflict: nothing };
    for (const config of [
      { delegate: all, events: all, merge: all, conflict: all },
      { delegate: new WithHelpers() as Delegate },
      { delegate: { getBroadcasts: () => [], getBroadcast: nothing } as Delegate },
      { delegate: Object.create({ notifyMessage: nothing }) as Delegate },
      { delegate: { start: nothing, notifyMessage: 5 } as Delegate },
    ]) {
      expect(() => resolveConfig({ name: "a", ...(config as object) })).not.toThrow();
    }
  });

  it.each(["colour", "msgpackUseNewTimeFormat", "x", "__proto_", "constructor", "toString"])(
    "suggests nothing for %s",
    (wrong) => {
      const { issues, message } = failure({ name: "a", [wrong]: 1 });
      expect(message).toBe(`invalid config:\n  "${wrong}" is not a config field`);
      expect(issues.map(({ expected }) => expected)).toEqual(["left out"]);
    },
  );

  it("never shows a secret, even under a misspelt field name", () => {
    const key = "hunter2hunter2hunter2";
    const bytes = new TextEncoder().encode(key);
    const keyring = { secret: key, getKeys: 1 };
    for (const wrong of [
      { secretKey: key },
      { secretKey: bytes },
      { secretkey: key },
      { keyring },
      { keyring: key },
      { keyrin: key },
    ]) {
      const error = failure({ name: "a", ...wrong });
      const shown = `${error.message} ${error.stack} ${JSON.stringify(error.issues)} ${JSON.stringify(error.details)}`;
      expect(shown).not.toContain("hunter2");
      expect(shown).not.toContain(bytes.slice(0, 4).join(","));
    }
    expect(failure({ name: "a", secretKey: bytes }).message).toContain("it is 21 bytes (not shown)");
  });

  it("truncates long values", () => {
    expect(failure({ name: "n".repeat(100_000) }).message.length).toBeLessThan(300);
    expect(failure({ name: "a", cidrsAllowed: Array.from({ length: 10_000 }, () => "nonsense") }).message.length).toBeLessThan(
      500,
    );
  });

  it("refuses logger together with logOutput [Create_invalidLoggerSettings]", () => {
    const log = (): void => {};
    const logger = { debug: log, info: log, warn: log, error: log };
    const logOutput = { write: log };
    expect(failure({ name: "a", logger, logOutput }).issues.map(({ field }) => field)).toEqual(["logOutput"]);
    expect(resolveConfig({ name: "a", logger }).logger).toBe(logger);
    expect(resolveConfig({ name: "a", logOutput }).logOutput).toBe(logOutput);
  });
});
