import { describe, expect, it, vi } from "vitest";
import { lookUpBySystem, type SystemResolver } from "../../src/transport-kit/system-lookup.ts";

const hosts = "127.0.0.1 localhost\n# 10.0.0.1 commented\n10.0.0.2\tListed.example alias # and a remark\n";
const never = new AbortController().signal;

interface Asked extends SystemResolver {
  readonly lookup: ReturnType<typeof vi.fn<SystemResolver["lookup"]>>;
  readonly ask: ReturnType<typeof vi.fn<(host: string, signal: AbortSignal) => Promise<unknown>>>;
}

function systemThat(ask: (host: string, signal: AbortSignal) => Promise<unknown>): Asked {
  const lookup = vi.fn<SystemResolver["lookup"]>(() => Promise.resolve(["192.0.2.1"]));
  return { lookup, ask: vi.fn<typeof ask>(ask), hosts: () => Promise.resolve(hosts), resolvConf: () => Promise.resolve("") };
}

const failing = (fields: object) => (): Promise<unknown> => Promise.reject(Object.assign(new Error("no"), fields));

describe("a resolver with a fallback to the system", () => {
  it.each([{ code: "ENOTFOUND" }, { code: "ENODATA" }, { code: "ESERVFAIL" }, { code: "ECONNREFUSED" }, { name: "NotFound" }])(
    "asks the system when a name server has answered, with any answer: %o",
    async (fields) => {
      const system = systemThat(failing(fields));
      expect(await lookUpBySystem("a.example", system, never)).toEqual(["192.0.2.1"]);
      expect([system.ask.mock.calls.length, system.lookup.mock.calls]).toEqual([1, [["a.example"]]]);
    },
  );

  it.each([{ code: "ETIMEOUT" }, { code: "ECANCELLED" }, { name: "TimedOut" }, { name: "AbortError" }])(
    "does not ask the system when no name server answers: %o",
    async (fields) => {
      const system = systemThat(failing(fields));
      await expect(lookUpBySystem("a.example", system, never)).rejects.toThrow("no name server has answered");
      expect(system.lookup).not.toHaveBeenCalled();
    },
  );

  it("does not ask the system after an abort, before or while it asks the name servers", async () => {
    const controller = new AbortController();
    const system = systemThat(() => {
      controller.abort();
      return Promise.resolve([]);
    });
    await expect(lookUpBySystem("a.example", system, controller.signal)).rejects.toThrow("aborted");
    await expect(lookUpBySystem("a.example", system, controller.signal)).rejects.toThrow("aborted");
    expect([system.ask.mock.calls.length, system.lookup.mock.calls.length]).toEqual([1, 0]);
  });

  it.each(["localhost", "db.localhost.", "printer.local", "listed.example", "LISTED.example.", "alias"])(
    "asks the system at once for a name that the system answers itself: %s",
    async (host) => {
      const system = systemThat(failing({ code: "ETIMEOUT" }));
      expect(await lookUpBySystem(host, system, never)).toEqual(["192.0.2.1"]);
    },
  );

  it.each(["commented", "10.0.0.2x", "remark"])(
    "does not ask the system for a name that the hosts file lacks: %s",
    async (host) => {
      const system = systemThat(failing({ code: "ETIMEOUT" }));
      await expect(lookUpBySystem(host, system, never)).rejects.toThrow("no name server");
    },
  );

  it("asks the system at once where it cannot ask the name servers, and asks them where it cannot read the hosts file", async () => {
    const system = systemThat(() => Promise.resolve([]));
    expect(await lookUpBySystem("a.example", { ...system, ask: undefined }, never)).toEqual(["192.0.2.1"]);
    expect(system.ask).not.toHaveBeenCalled();
    const unreadable = { ...system, hosts: () => Promise.reject(new Error("denied")) };
    expect(await lookUpBySystem("listed.example", unreadable, never)).toEqual(["192.0.2.1"]);
    expect(system.ask).toHaveBeenCalledOnce();
  });

  describe("where several domains are searched", () => {
    const config = "nameserver 10.0.0.1\nsearch ns.svc.test svc.test\noptions ndots:5\n";
    type Answers = Readonly<Record<string, object | "found" | "none">>;
    /** A name server that answers for these names, and leaves others without an answer until `time` has passed. */
    const searching = (answers: Answers, time = Infinity): Asked => {
      const system = systemThat((name) => {
        const answer = answers[name] ?? "none";
        if (answer === "found") return Promise.resolve(["192.0.2.1"]);
        if (answer !== "none") return failing(answer)();
        const late = Object.assign(new Error("late"), { code: "ETIMEOUT" });
        return new Promise((_, reject) => void (time < Infinity && setTimeout(() => reject(late), time)));
      });
      return { ...system, resolvConf: () => Promise.resolve(config) };
    };
    const unknown = { code: "ENOTFOUND" };

    it.each([
      ["in the last domain", { "node-0.pool.ns.svc.test.": unknown, "node-0.pool.svc.test.": "found" }],
      ["in the first domain", { "node-0.pool.ns.svc.test.": "found" }],
      ["with no address of the type", { "node-0.pool.ns.svc.test.": unknown, "node-0.pool.svc.test.": { code: "ENODATA" } }],
      ["in none", { "node-0.pool.": "found" }],
    ] as const)("asks the system once it has found a name %s, while other servers do not answer", async (_, answers) => {
      const system = searching(answers);
      expect(await lookUpBySystem("node-0.pool", system, never)).toEqual(["192.0.2.1"]);
      expect(system.lookup.mock.calls).toEqual([["node-0.pool"]]);
      // A question that goes on would keep the process alive.
      expect(system.ask.mock.calls.map(([, signal]) => signal.aborted)).toEqual([true, true, true]);
      expect(system.ask.mock.calls.map(([name]) => name).sort()).toEqual([
        "node-0.pool.",
        "node-0.pool.ns.svc.test.",
        "node-0.pool.svc.test.",
      ]);
    });

    it("asks the system when the answer is that no name exists, and does not when an answer is missing", async () => {
      const all = { "db.": unknown, "db.ns.svc.test.": unknown, "db.svc.test.": unknown };
      expect(await lookUpBySystem("db", searching(all), never)).toEqual(["192.0.2.1"]);
      const system = searching({ ...all, "db.": "none" }, 5);
      await expect(lookUpBySystem("db", system, never)).rejects.toThrow("no name server has answered");
      expect(system.lookup).not.toHaveBeenCalled();
    });

    it("asks for a name with a dot at its end alone, and for any name as it is where it cannot read the config", async () => {
      const system = searching({ "db.": "found", db: "found" });
      await lookUpBySystem("db.", system, never);
      await lookUpBySystem("db", { ...system, resolvConf: () => Promise.reject(new Error("denied")) }, never);
      expect(system.ask.mock.calls.map(([name]) => name)).toEqual(["db.", "db"]);
    });
  });
});
