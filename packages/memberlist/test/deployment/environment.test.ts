import { describe, expect, it } from "vitest";
import { ConfigError, generateKey, kubernetesConfig, lanConfig, type Store } from "../../src/index.ts";
import { readEnvironment, type EnvironmentHost, type EnvironmentOptions } from "../../src/deployment/environment.ts";
import type { Environment } from "../../src/deployment/variables.ts";

const key = generateKey();
const otherKey = generateKey(16);

interface FakeHost {
  files?: Readonly<Record<string, string>>;
  addresses?: Readonly<Record<string, readonly string[]>>;
  command?: (command: string, env: Environment, signal: AbortSignal) => Promise<string>;
  hostname?: () => string;
}

function hostWith({ files = {}, addresses = {}, command, hostname }: FakeHost = {}): EnvironmentHost {
  const list = (): Record<string, { address: string; internal: boolean }[]> =>
    Object.fromEntries(
      Object.entries(addresses).map(([name, all]) => [name, all.map((address) => ({ address, internal: false }))]),
    );
  return {
    interfaces: { list, defaultInterface: () => Promise.resolve(undefined) },
    hostname: hostname ?? (() => "host-1"),
    readTextFile: async (path) => {
      const content = files[path];
      if (content === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return content;
    },
    runCommand: command ?? (() => Promise.reject(new Error("no command was expected"))),
    fileStore: (path) => ({ path, load: () => Promise.resolve(undefined), save: () => Promise.resolve() }) as Store,
  };
}

async function problems(env: Environment, host: FakeHost = {}, options: EnvironmentOptions = {}): Promise<string[]> {
  const error: unknown = await readEnvironment(env, hostWith(host), options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return [];
  if (!(error instanceof ConfigError)) throw error;
  return error.issues.map(({ message }) => message);
}

describe("a config from the environment", () => {
  it("takes the LAN defaults and the host's name where no variable is set", async () => {
    const { config, seeds } = await readEnvironment({ PATH: "/bin", MEMBERLIST_LABEL: "" }, hostWith());
    expect(config).toEqual({ ...lanConfig(), name: "host-1" });
    expect(seeds).toEqual([]);
  });

  it("takes each field from its variable", async () => {
    const { config, seeds } = await readEnvironment(
      {
        MEMBERLIST_NAME: "web-1",
        MEMBERLIST_BIND: "10.0.0.4:7000",
        MEMBERLIST_ADVERTISE: "203.0.113.5:7001",
        MEMBERLIST_SEEDS: "10.0.0.5, web-2/10.0.0.6:7000\nseed.internal _gossip._tcp.shop.internal",
        MEMBERLIST_LABEL: "shop",
        MEMBERLIST_KEY: `${key}\n`,
        MEMBERLIST_META: "é",
        MEMBERLIST_STORE: "/var/lib/shop/member.json",
        MEMBERLIST_PRESET: "wan",
      },
      hostWith(),
    );
    expect(config).toMatchObject({
      name: "web-1",
      bindAddr: "10.0.0.4",
      bindPort: 7000,
      advertiseAddr: "203.0.113.5",
      advertisePort: 7001,
      label: "shop",
      meta: new Uint8Array([0xc3, 0xa9]),
      store: { path: "/var/lib/shop/member.json" },
      probeInterval: 5_000,
    });
    expect(config.keyring?.size).toBe(1);
    expect(seeds.map((seed) => (typeof seed === "string" ? seed : seed.name))).toEqual([
      "10.0.0.5",
      "web-2/10.0.0.6:7000",
      "seed.internal",
      "srv _gossip._tcp.shop.internal",
    ]);
  });

  it("takes tags, whose values may contain =", async () => {
    const { config } = await readEnvironment({ MEMBERLIST_TAGS: "role=web, zone=eu-1,query=a=b,empty=" }, hostWith());
    expect(config.tags).toEqual({ role: "web", zone: "eu-1", query: "a=b", empty: "" });
  });

  it("takes several keys from a file, of which the first encrypts", async () => {
    const files = { "/run/key": `# the new one\n${otherKey}\n\n${key}\n` };
    const { config } = await readEnvironment({ MEMBERLIST_KEY_FILE: "/run/key" }, hostWith({ files }));
    expect(config.keyring?.getPrimaryKey()?.length).toBe(16);
    expect(config.keyring?.size).toBe(2);
  });

  it("follows the address of an interface, and prefers the family that is bound", async () => {
    const addresses: Record<string, string[]> = {
      lo: ["127.0.0.1"],
      eth1: ["fe80::1", "fd00::7", "10.0.0.7"],
      "eth0.5": ["10.5.0.7"],
    };
    const host = hostWith({ addresses });
    const advertised = async (env: Environment): Promise<unknown> => {
      const { advertiseAddr } = (await readEnvironment(env, host)).config;
      return typeof advertiseAddr === "function" ? advertiseAddr() : advertiseAddr;
    };
    expect(await advertised({ MEMBERLIST_ADVERTISE: "eth1" })).toBe("10.0.0.7");
    expect(await advertised({ MEMBERLIST_ADVERTISE: "eth1", MEMBERLIST_BIND: "::" })).toBe("fd00::7");
    expect(await advertised({ MEMBERLIST_ADVERTISE: "lo", MEMBERLIST_BIND: "::" })).toBe("127.0.0.1");
    expect(await advertised({ MEMBERLIST_ADVERTISE: "eth0.5" })).toBe("10.5.0.7");
    const { advertiseAddr } = (await readEnvironment({ MEMBERLIST_ADVERTISE: "eth1" }, host)).config;
    addresses["eth1"] = ["10.0.0.8"];
    expect((advertiseAddr as () => string)()).toBe("10.0.0.8");
    addresses["eth1"] = ["fe80::1"];
    expect(() => (advertiseAddr as () => string)()).toThrow("the interface eth1 has no address that fits 0.0.0.0");
  });

  it("asks a command for the address, without the key in its environment", async () => {
    const asked: [string, Environment][] = [];
    const command = async (line: string, env: Environment): Promise<string> => {
      asked.push([line, env]);
      return "10.0.0.9\n";
    };
    const env = {
      PATH: "/bin",
      MEMBERLIST_ADVERTISE: "command: cloud-address --private",
      MEMBERLIST_KEY: key,
      MEMBERLIST_HTTP_TOKEN: "t",
    };
    const { config } = await readEnvironment(env, hostWith({ command }));
    expect(await (config.advertiseAddr as () => Promise<string>)()).toBe("10.0.0.9");
    expect(config.addressCheckInterval).toBe(30_000);
    const asks = ["cloud-address --private", { PATH: "/bin", MEMBERLIST_ADVERTISE: env.MEMBERLIST_ADVERTISE }];
    expect(asked).toEqual([asks, asks]);
  });

  it("ignores variables that the command line reads, and those that Kubernetes and Docker set for services", async () => {
    const env = {
      MEMBERLIST_HTTP: "127.0.0.1:7980",
      MEMBERLIST_HTTP_TOKEN: "0123456789abcdef",
      MEMBERLIST_SERVICE_HOST: "10.96.0.10",
      MEMBERLIST_SERVICE_PORT: "80",
      MEMBERLIST_SERVICE_PORT_HTTP: "80",
      MEMBERLIST_PORT: "tcp://10.96.0.10:80",
      MEMBERLIST_PORT_80_TCP: "tcp://10.96.0.10:80",
      MEMBERLIST_PORT_80_TCP_PROTO: "tcp",
      MEMBERLIST_STATUS_SERVICE_HOST: "10.96.0.11",
      MEMBERLIST_STATUS_PORT: "tcp://10.96.0.11:80",
      MEMBERLIST_STATUS_PORT_80_TCP_ADDR: "10.96.0.11",
    };
    expect(await problems(env)).toEqual([]);
    expect(await problems({ MEMBERLIST_SHARDS: "4" }, {}, { ownVariables: ["MEMBERLIST_SHARDS"] })).toEqual([]);
  });
});

describe("a config from the environment of a pod", () => {
  const pod = { MEMBERLIST_PRESET: "kubernetes", MEMBERLIST_LABEL: "shop", POD_NAME: "shop-0", POD_IP: "10.1.2.3" };

  it("takes the pod's name and address, and the values of kubernetesConfig", async () => {
    const { config } = await readEnvironment(pod, hostWith());
    expect(config).toEqual({ ...kubernetesConfig(), name: "shop-0", label: "shop", advertiseAddr: "10.1.2.3" });
  });

  it("binds IPv6 where the pod's address is IPv6", async () => {
    const { config } = await readEnvironment({ ...pod, POD_IP: "fd00::3" }, hostWith());
    expect(config).toMatchObject({ bindAddr: "::", advertiseAddr: "fd00::3" });
  });

  it("prefers MEMBERLIST_NAME and MEMBERLIST_ADVERTISE", async () => {
    const { config } = await readEnvironment({ ...pod, MEMBERLIST_NAME: "a", MEMBERLIST_ADVERTISE: "10.9.9.9" }, hostWith());
    expect(config).toMatchObject({ name: "a", advertiseAddr: "10.9.9.9" });
  });

  it("needs a label, and the pod's address", async () => {
    expect(await problems({ MEMBERLIST_PRESET: "kubernetes", POD_NAME: "shop-0" })).toEqual([
      expect.stringMatching(/^POD_IP: set it from the field status\.podIP/),
      expect.stringMatching(/^MEMBERLIST_LABEL: set it to the cluster's name/),
    ]);
  });
});

describe("a wrong variable", () => {
  it.each<[string, Environment, RegExp]>([
    ["is named with the one that was meant", { MEMBERLIST_LABLE: "x" }, /^MEMBERLIST_LABLE: .* did you mean MEMBERLIST_LABEL\?$/],
    [
      "is named with all there are, where none is close",
      { MEMBERLIST_ZZZZZZZZ: "x" },
      /remove it; .*MEMBERLIST_BIND.*MEMBERLIST_STORE/,
    ],
    ["is not taken for a variable of a service: a port alone", { MEMBERLIST_PORT: "7946" }, /^MEMBERLIST_PORT: nothing reads/],
    [
      "has the rule of its field: a name",
      { MEMBERLIST_NAME: "n".repeat(256) },
      /^MEMBERLIST_NAME: it must be a string of 1 to 255 bytes/,
    ],
    [
      "has the rule of its field: a label",
      { MEMBERLIST_LABEL: "l".repeat(256) },
      /^MEMBERLIST_LABEL: it must be a string of at most 255/,
    ],
    ["has the rule of its field: metadata", { MEMBERLIST_META: "m".repeat(513) }, /^MEMBERLIST_META: it must be .* 512 bytes/],
    [
      "has the rule of its field: an address",
      { MEMBERLIST_ADVERTISE: "0.0.0.0" },
      /^MEMBERLIST_ADVERTISE: it must be .*others can reach/,
    ],
    [
      "has tags of too many bytes",
      { MEMBERLIST_TAGS: `a=${"x".repeat(506)}` },
      /^MEMBERLIST_TAGS: the tags take 513 bytes of metadata/,
    ],
    [
      "has a tag without a value",
      { MEMBERLIST_TAGS: "role=web,zone" },
      /^MEMBERLIST_TAGS: write name=value, separated by commas/,
    ],
    ["has one tag twice", { MEMBERLIST_TAGS: "role=web,role=db" }, /^MEMBERLIST_TAGS: tag 2 has the name of another$/],
    [
      "has tags beside metadata",
      { MEMBERLIST_TAGS: "role=web", MEMBERLIST_META: "x" },
      /^MEMBERLIST_TAGS: it excludes MEMBERLIST_META/,
    ],
    ["lists the presets", { MEMBERLIST_PRESET: "prod" }, /^MEMBERLIST_PRESET: it must be one of lan, wan, local, kubernetes$/],
    [
      "needs a literal IP to bind",
      { MEMBERLIST_BIND: "localhost:7946" },
      /^MEMBERLIST_BIND: the host must be a literal IP; write IP or IP:port/,
    ],
    [
      "needs a port to bind",
      { MEMBERLIST_BIND: "10.0.0.1:70000" },
      /^MEMBERLIST_BIND: the port must be a number from 1 to 65535/,
    ],
    [
      "has no seed",
      { MEMBERLIST_SEEDS: "10.0.0.4 10.0.0.5:x" },
      /^MEMBERLIST_SEEDS: seed 2: the port must be a number .*; write host/,
    ],
    ["is POD_IP with a name", { POD_IP: "shop-0" }, /^POD_IP: it must be the pod's literal IP/],
    ["is POD_NAME with too long a name", { POD_NAME: "n".repeat(256) }, /^POD_NAME: it must be/],
    [
      "names the interfaces",
      { MEMBERLIST_ADVERTISE: "eth9" },
      /^MEMBERLIST_ADVERTISE: no interface has this name; interfaces that are up: eth0\. .*command:/,
    ],
    [
      "names the interfaces for a host name",
      { MEMBERLIST_ADVERTISE: "node.internal" },
      /^MEMBERLIST_ADVERTISE: no interface has this name/,
    ],
  ])("causes an error with a remedy: %s", async (_, env, expected) => {
    expect(await problems(env, { addresses: { eth0: ["10.0.0.1"] } })).toEqual([expect.stringMatching(expected)]);
  });

  it("appears in one error together with all others", async () => {
    expect(await problems({ MEMBERLIST_BIND: "x", MEMBERLIST_NAEM: "y", MEMBERLIST_PRESET: "z" })).toHaveLength(3);
  });

  it("never appears with its value, since that may be the key in the wrong place", async () => {
    const names = ["ADVERTISE", "BIND", "KEY_FILE", "NAME", "PRESET", "SEEDS", "STORE", "KEYS", "META", "LABEL"];
    for (const name of names) {
      const secret = key.repeat(name === "NAME" || name === "LABEL" || name === "META" ? 15 : 1);
      const value = name === "SEEDS" ? `${secret}:x` : secret;
      const found = await problems({ [`MEMBERLIST_${name}`]: value, POD_IP: secret });
      expect(found).not.toEqual([]);
      expect(found.join("\n")).not.toContain(key.slice(0, 8));
    }
  });

  it("names a key that is not valid, or two sources of keys", async () => {
    expect(await problems({ MEMBERLIST_KEY: key.slice(1) })).toEqual([
      expect.stringMatching(/^MEMBERLIST_KEY: a key must be a string of base64/),
    ]);
    const files = { "/run/key": "# nothing\n", "/run/bad": "c2hvcnQ=\n" };
    expect(await problems({ MEMBERLIST_KEY: key, MEMBERLIST_KEY_FILE: "/run/key" }, { files })).toEqual([
      "MEMBERLIST_KEY: it excludes MEMBERLIST_KEY_FILE: set one of the two",
    ]);
    expect(await problems({ MEMBERLIST_KEY_FILE: "/run/key" }, { files })).toEqual([
      "MEMBERLIST_KEY_FILE: the key is missing: create one with memberlist keygen",
    ]);
    expect(await problems({ MEMBERLIST_KEY_FILE: "/run/bad" }, { files })).toEqual([
      expect.stringMatching(/^MEMBERLIST_KEY_FILE: a key must be/),
    ]);
    expect(await problems({ MEMBERLIST_KEY_FILE: "/run/none" }, { files })).toEqual([
      expect.stringMatching(/^MEMBERLIST_KEY_FILE: the file cannot be read \(ENOENT\)/),
    ]);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ["fails", () => Promise.reject(new Error(`exit code 1: curl -H ${key}`)), /exit with code 0: it failed/],
    ["prints no address", () => Promise.resolve(key), /must print one literal IP/],
    ["prints two addresses", () => Promise.resolve("10.0.0.1\n10.0.0.2\n"), /must print one literal IP/],
    ["prints an address of no use", () => Promise.resolve("0.0.0.0"), /must print one literal IP/],
  ])("names a command that %s", async (_, command, expected) => {
    const found = await problems({ MEMBERLIST_ADVERTISE: "command:address" }, { command });
    expect(found).toEqual([expect.stringMatching(expected)]);
    expect(found[0]).not.toContain(key);
  });

  it("names the missing name where the host's is unknown", async () => {
    const hostname = (): string => {
      throw new Error("Requires sys access");
    };
    expect(await problems({}, { hostname })).toEqual([
      expect.stringMatching(/^MEMBERLIST_NAME: set it to a name that is unique in the cluster/),
    ]);
    expect(await problems({ MEMBERLIST_NAME: "a" }, { hostname })).toEqual([]);
    expect(await problems({}, { hostname: () => "" })).toEqual([
      expect.stringMatching(/^MEMBERLIST_NAME: set it .* is not a string/),
    ]);
  });
});
