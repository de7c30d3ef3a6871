import { describe, expect, it } from "vitest";
import { srvSeeds, type Memberlist, type Seed, type SeedRequest } from "../../src/index.ts";
import { clusters, codes, names, outcome } from "./cluster.ts";

const cluster = clusters();

const service = "_memberlist._tcp.example.org";

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

describe("srvSeeds()", () => {
  it("joins the members of the records with their ports, by priority", async () => {
    const one = cluster();
    await one.start({ port: 7001 });
    await one.start({ port: 7002 });
    one.network.setHost("a.example.org", ["10.0.0.1"]);
    one.network.setHost("b.example.org", ["10.0.0.2"]);
    one.network.setService(service, [
      { host: "a.example.org.", port: 7001, priority: 2, weight: 0 },
      { host: "b.example.org.", port: 7002, priority: 1, weight: 0 },
      { host: ".", port: 0, priority: 0, weight: 0 },
    ]);
    const node = await one.start();
    const { reached, attempts, seeds } = await one.settle(node.members.join([srvSeeds(service)]));
    expect(reached).toBe(2);
    expect(attempts.map(({ seed, address }) => [seed, address])).toEqual([
      [`srv ${service}`, "10.0.0.2:7002"],
      [`srv ${service}`, "10.0.0.1:7001"],
    ]);
    expect(seeds).toMatchObject([{ seed: `srv ${service}`, reached: 2 }]);
    expect(names(node)).toEqual(["node-0", "node-1", "node-2"]);
  });

  it("fails with a clear error without records, and asks again on the next join", async () => {
    const one = cluster();
    const seed = await one.start();
    const node = await one.start();
    const seeds = [srvSeeds(service)];
    expect(await one.settle(failure(node.members.join(seeds)))).toMatchObject({
      code: "join_failed",
      cause: { code: "resolve_failed" },
    });
    one.network.setService(service, [{ host: "10.0.0.1", port: seed.transport.port, priority: 0, weight: 0 }]);
    expect((await one.settle(node.members.join(seeds))).reached).toBe(1);
  });

  it("fails with a clear error if the transport cannot look records up", async () => {
    const one = cluster();
    const node = await one.start();
    Object.defineProperty(node.transport, "resolveSrv", { value: undefined });
    expect(await one.settle(failure(node.members.join([srvSeeds(service)])))).toMatchObject({ cause: { code: "unsupported" } });
  });
});

describe("a seed provider", () => {
  it("gets a call on each join, beside addresses and names", async () => {
    const one = cluster();
    const found = [await one.start(), await one.start()];
    const node = await one.start();
    let asked = 0;
    const inventory = (): string[] => [found[asked++]?.seed ?? ""];
    expect((await one.settle(node.members.join([inventory]))).seeds).toMatchObject([{ seed: "inventory", reached: 1 }]);
    expect((await one.settle(node.members.join([inventory, "10.0.0.1"]))).attempts).toMatchObject([
      { seed: "inventory", address: "10.0.0.2:7946" },
      { seed: "10.0.0.1", address: "10.0.0.1:7946" },
    ]);
  });

  it("works with a seed that cannot be resolved", async () => {
    const one = cluster();
    const seed = await one.start();
    const node = await one.start();
    const { reached } = await one.settle(node.members.join([async () => Promise.resolve(["unknown.example.org", seed.seed])]));
    expect(reached).toBe(1);
    expect(codes(node)).toContain("seed_resolve_failed");
  });

  it.each<[what: string, provider: Seed]>([
    ["throws", () => fail()],
    ["rejects", async () => Promise.reject(new Error("no inventory"))],
    ["finds nothing", () => []],
    ["gives something else", () => "10.0.0.1" as unknown as string[]],
  ])("fails the join with a cause if it %s", async (_, provider) => {
    const one = cluster();
    const node = await one.start();
    expect(await one.settle(failure(node.members.join([provider])))).toMatchObject({
      code: "join_failed",
      cause: { code: "resolve_failed" },
    });
  });

  it("gets an abort signal if the join ends before its answer", async () => {
    const one = cluster();
    const node = await one.start();
    const asked: SeedRequest[] = [];
    const never = async (request: SeedRequest): Promise<string[]> => {
      asked.push(request);
      return new Promise(() => undefined);
    };
    const join = async (members: Memberlist, signal?: AbortSignal): Promise<string> =>
      outcome(members.join([never], { timeout: 300, signal }));
    expect(await one.settle(join(node.members))).toBe("join_failed");
    expect(asked[0]).toMatchObject({ timeout: 300, signal: { aborted: true } });
    const caller = new AbortController();
    const aborted = join(node.members, caller.signal);
    await one.advance(1);
    caller.abort();
    expect(await one.settle(aborted)).toBe("aborted");
    expect(asked[1]?.signal.aborted).toBe(true);
  });

  it("causes an error if it is not a function", async () => {
    const one = cluster();
    const node = await one.start();
    expect(await outcome(node.members.join([7 as unknown as string]))).toBe("invalid_argument");
  });
});

function fail(): never {
  throw new Error("no inventory");
}
