import { describe, expect, it } from "vitest";
import { decodeKey, generateKey, type Memberlist, type MemberlistError } from "@memberlist/core";
import { clusters, membersOf } from "../../memberlist/test/facade/cluster.ts";
import { statusHandler, type StatusHandlerOptions } from "../src/index.ts";
import { documentOf, get } from "./support.ts";

const cluster = clusters();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the JSON", () => {
  it("contains the node, and each member with its state, address, round-trip time, versions and metadata", async () => {
    const one = cluster(1, { latency: 3 });
    const meta = bytes('{"role":"web"}');
    const [a, b] = membersOf(await one.joined(2, { label: "shop", meta })) as [Memberlist, Memberlist];
    await one.clock.advance(5_000);
    const response = await get(statusHandler(a));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    const document = await documentOf(statusHandler(a));
    const { address } = a.toJSON();
    expect(document.node).toEqual({
      name: "node-0",
      address,
      state: "alive",
      incarnation: 1,
      members: { alive: 2, suspect: 0, dead: 0, left: 0 },
      healthScore: 0,
      queuedBroadcasts: 0,
      label: "shop",
      encrypted: false,
    });
    expect(document.at).toBe(one.clock.wallTime());
    expect(document.queues).toEqual({ membership: 0, user: 0, userBytes: 0, received: 0 });
    expect(document.traffic).toEqual(a.traffic());
    expect(document).toMatchObject({ protocolVersion: a.protocolVersion(), healthScoreMax: 7 });
    const member = document.members.find(({ name }) => name === "node-1");
    const { pMin, pMax, pCur } = b.localNode();
    expect(member).toEqual({
      name: "node-1",
      address: b.toJSON().address,
      state: "alive",
      since: expect.any(Number) as number,
      age: expect.any(Number) as number,
      rtt: 6,
      incarnation: 1,
      protocol: [pMin, pMax, pCur],
      delegateProtocol: [0, 0, 0],
      meta: { format: "json", value: { role: "web" } },
      accusers: [],
    });
    expect(member?.age).toBe(one.clock.wallTime() - (member?.since ?? 0));
    expect(document.events.map(({ type }) => type)).toContain("join");
  });

  it("contains the causes of suspicions and deaths, and the counts of drops", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(3)) as [Memberlist, Memberlist, Memberlist];
    await b.shutdown();
    await one.until(() => a.get("node-1")?.state === "suspect");
    const suspect = (await documentOf(statusHandler(a))).members.find(({ name }) => name === "node-1");
    expect(suspect).toMatchObject({
      state: "suspect",
      cause: { code: expect.stringMatching(/^(probe_failed|accused)$/) as string },
    });
    expect(suspect?.accusers.length).toBeGreaterThan(0);
    await one.until(() => a.get("node-1")?.state === "dead");
    const { events, members } = await documentOf(statusHandler(a));
    expect(members.find(({ name }) => name === "node-1")).toMatchObject({ state: "dead", cause: a.get("node-1")?.cause });
    const leave = events.find(({ type }) => type === "leave");
    expect(leave).toMatchObject({ node: { name: "node-1", state: "dead" }, cause: a.get("node-1")?.cause });
    expect(Object.keys((leave as { readonly node: object }).node)).toEqual(["name", "address", "state", "incarnation"]);
  });

  it("contains samples of traffic and round-trip times, at most one for each interval", async () => {
    const one = cluster(1, { latency: 3 });
    const [a] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const handler = statusHandler(a);
    const before = a.traffic();
    await one.clock.advance(10_000);
    await documentOf(handler);
    const { samples } = await documentOf(handler);
    const traffic = a.traffic();
    expect(samples).toEqual([
      {
        at: one.clock.wallTime(),
        elapsed: 10_000,
        packetsIn: (traffic.packetsReceived - before.packetsReceived) / 10,
        packetsOut: (traffic.packetsSent - before.packetsSent) / 10,
        bytesIn:
          (traffic.packetBytesReceived + traffic.streamBytesReceived - before.packetBytesReceived - before.streamBytesReceived) /
          10,
        bytesOut: (traffic.packetBytesSent + traffic.streamBytesSent - before.packetBytesSent - before.streamBytesSent) / 10,
        streams: 0,
        rttMedian: 6,
        rtt95: 6,
      },
    ]);
    expect(samples[0]?.packetsOut).toBeGreaterThan(0);
  });

  it("keeps the last 300 samples", async () => {
    const one = cluster();
    const { members } = await one.start({ name: "alone" });
    const handler = statusHandler(members, { sampleInterval: 100 });
    for (let i = 0; i < 305; i++) {
      await one.clock.advance(100);
      await get(handler);
    }
    const { samples } = await documentOf(handler);
    expect(samples).toHaveLength(300);
    expect(samples.at(-1)?.at).toBe(one.clock.wallTime());
  });

  it("contains neither keys nor messages", async () => {
    const one = cluster();
    const key = generateKey();
    const secret = "the payload of a message";
    const secretKey = decodeKey(key);
    const delegate = {
      notifyMsg: () => {
        throw new Error("the delegate failed");
      },
      localState: () => bytes(secret),
    };
    const [a, b] = membersOf(await one.joined(2, { secretKey, delegate })) as [Memberlist, Memberlist];
    await one.settle(b.sendReliable("node-0", bytes(secret)));
    await one.settle(a.broadcast(bytes(secret)));
    await one.clock.advance(3_000);
    const text = await (await get(statusHandler(a))).text();
    expect(text).toContain("the delegate failed");
    const hex = Buffer.from(secretKey).toString("hex");
    for (const hidden of [key, hex, secretKey.join(","), secret, bytes(secret).join(",")]) expect(text).not.toContain(hidden);
    expect(JSON.parse(text)).toMatchObject({ node: { encrypted: true } });
  });

  it("accepts names and metadata of any content", async () => {
    const one = cluster();
    const names = ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "\ud83d\ude00\n\n\u2028data: x", "n".repeat(255)];
    const { members: a } = await one.start({ name: "a" });
    for (const name of names) {
      const { members: other } = await one.start({ name, meta: bytes(name) });
      await one.settle(other.join([a.toJSON().address]));
    }
    const document = await documentOf(statusHandler(a));
    expect(document.members.map(({ name }) => name).sort()).toEqual(["a", ...names].sort());
  });
});

describe("/healthz", () => {
  it("answers 200 while the node is a member, and 503 after its leave or shutdown", async () => {
    const one = cluster();
    const [a, b] = membersOf(await one.joined(2)) as [Memberlist, Memberlist];
    const handler = statusHandler(a);
    const health = async (): Promise<string> => {
      const response = await get(handler, "/healthz");
      return `${response.status} ${await response.text()}`;
    };
    expect(await health()).toBe("200 ok\n");
    await one.settle(a.leave());
    expect(await health()).toBe("503 left\n");
    await one.settle(a.join([b.toJSON().address]));
    expect(await health()).toBe("200 ok\n");
    await a.shutdown();
    expect(await health()).toBe("503 shutdown\n");
  });
});

describe("/metrics", () => {
  it("serves the text and the content type of its source", async () => {
    const { members } = await cluster().start({ name: "a" });
    const metrics = { contentType: "application/openmetrics-text", metrics: () => Promise.resolve("up 1\n") };
    const response = await get(statusHandler(members, { metrics }), "/metrics");
    expect(response.headers.get("content-type")).toBe("application/openmetrics-text");
    expect(await response.text()).toBe("up 1\n");
    const plain = await get(statusHandler(members, { metrics: { metrics: () => "up 1\n" } }), "/metrics");
    expect(plain.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  });

  it("answers 404 without a source, and 500 when the source fails", async () => {
    const { members } = await cluster().start({ name: "a" });
    expect((await get(statusHandler(members), "/metrics")).status).toBe(404);
    const failing = { metrics: () => Promise.reject(new Error("no registry")) };
    const response = await get(statusHandler(members, { metrics: failing }), "/metrics");
    expect(response.status).toBe(500);
    expect(await response.text()).toBe("the metrics could not be read: no registry\n");
  });
});

describe("statusHandler", () => {
  it("refuses all methods but GET and HEAD", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members);
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await handler(new Request("http://localhost/", { method }));
      expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    }
  });

  it("answers HEAD with the headers alone, and opens no event stream", async () => {
    const one = cluster();
    const { members } = await one.start({ name: "a" });
    const handler = statusHandler(members, { maxEventStreams: 1 });
    const pending = one.clock.pending;
    for (const path of ["/", "/healthz", "/events"]) {
      const response = await handler(new Request(`http://localhost${path}`, { method: "HEAD" }));
      expect([response.status, response.body]).toEqual([200, null]);
    }
    expect(one.clock.pending).toBe(pending);
  });

  it("answers 404 for unknown pages", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members);
    for (const path of ["/status", "//", "/events/", "/.git/config", "/%2e%2e/etc/passwd"]) {
      expect((await get(handler, path)).status).toBe(404);
    }
  });

  it("answers only under the base path", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members, { basePath: "/admin/status" });
    const statuses = async (paths: readonly string[]): Promise<number[]> =>
      Promise.all(paths.map(async (path) => (await get(handler, path)).status));
    expect(await statuses(["/admin/status", "/admin/status/", "/admin/status/healthz"])).toEqual([200, 200, 200]);
    expect(await statuses(["/", "/healthz", "/admin", "/admin/statuses", "/admin/status/x"])).toEqual([404, 404, 404, 404, 404]);
  });

  it("sends headers that forbid to store, frame, embed or run a response", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members);
    for (const path of ["/", "/healthz", "/nothing"]) {
      const { headers } = await get(handler, path);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

describe("a token", () => {
  const token = "0123456789abcdef";

  it("protects all pages but /healthz", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members, { token, metrics: { metrics: () => "" } });
    for (const path of ["/", "/events", "/metrics", "/nothing"]) {
      const response = await get(handler, path);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toContain("Basic");
    }
    expect((await get(handler, "/healthz")).status).toBe(200);
  });

  it("works as a bearer token, and as the password of any user", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members, { token });
    const basic = (text: string): string => `Basic ${btoa(text)}`;
    for (const authorization of [`Bearer ${token}`, `bearer ${token}`, basic(`:${token}`), basic(`me:${token}`)]) {
      expect((await get(handler, "/", { authorization })).status).toBe(200);
    }
  });

  it.each([
    "Bearer 0123456789abcdeg",
    "Bearer 0123456789abcde",
    "Bearer 0123456789abcdef0",
    "Bearer",
    "Basic 0123456789abcdef",
    "Basic ???",
    "Digest 0123456789abcdef",
    "0123456789abcdef",
  ])("refuses the credentials %s", async (authorization) => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members, { token });
    expect((await get(handler, "/", { authorization })).status).toBe(401);
  });
});

describe("the host name check", () => {
  const statusFor = async (
    host: string,
    options: StatusHandlerOptions,
    headers: Record<string, string> = {},
  ): Promise<number> => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members, options);
    return (await handler(new Request(`http://${host}/`, { headers }))).status;
  };

  it.each(["localhost", "LOCALHOST:8080", "app.localhost", "127.0.0.1:8080", "10.0.0.7", "[::1]:8080", "[fe80::1]"])(
    "allows %s",
    async (host) => expect(await statusFor(host, {})).toBe(200),
  );

  it.each(["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost"])(
    "refuses %s, which a web site could let resolve to this machine",
    async (host) => expect(await statusFor(host, {})).toBe(421),
  );

  it("reads the header, because a server may not copy it into the URL", async () => {
    expect(await statusFor("localhost", {}, { host: "evil.example" })).toBe(421);
  });

  it("allows the names in allowedHosts", async () => {
    expect(await statusFor("status.internal:80", { allowedHosts: ["Status.internal"] })).toBe(200);
    expect(await statusFor("other.internal", { allowedHosts: ["status.internal"] })).toBe(421);
  });

  it("allows all names with a token, unless allowedHosts is given", async () => {
    const token = "0123456789abcdef";
    const headers = { authorization: `Bearer ${token}` };
    expect(await statusFor("status.internal", { token }, headers)).toBe(200);
    expect(await statusFor("status.internal", { token, allowedHosts: [] }, headers)).toBe(421);
  });

  it("allows all names for /healthz, which load balancers request by any name", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members);
    expect((await handler(new Request("http://pod-7.example/healthz"))).status).toBe(200);
  });
});

describe("requests from another web site", () => {
  it("refuses to load anything, but allows links to the page", async () => {
    const handler = statusHandler((await cluster().start({ name: "a" })).members);
    const from = (site: string, mode: string): Promise<Response> =>
      get(handler, "/events", { "sec-fetch-site": site, "sec-fetch-mode": mode });
    expect((await from("cross-site", "cors")).status).toBe(403);
    expect((await from("cross-site", "no-cors")).status).toBe(403);
    const followed = await get(handler, "/", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" });
    expect(followed.status).toBe(200);
    expect((await get(handler, "/", { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" })).status).toBe(200);
  });
});

describe("options", () => {
  it.each([
    [{ basePath: "status" }],
    [{ basePath: "/status/" }],
    [{ token: "short" }],
    [{ token: "has spaces in its middle" }],
    [{ allowedHosts: ["host:80"] }],
    [{ allowedHosts: "host" }],
    [{ metrics: () => "" }],
    [{ maxEventStreams: 0 }],
    [{ sampleInterval: 50 }],
    [{ tokne: "0123456789abcdef" }],
  ])("rejects %j", async (options) => {
    const { members } = await cluster().start({ name: "a" });
    const act = (): unknown => statusHandler(members, options as StatusHandlerOptions);
    expect(act).toThrow(expect.objectContaining({ code: "invalid_argument" }) as MemberlistError);
  });

  it("shows no token in an error", async () => {
    const { members } = await cluster().start({ name: "a" });
    expect(() => statusHandler(members, { token: "hunter2" })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("hunter2") as string }) as MemberlistError,
    );
  });
});
