import { expect, it } from "vitest";
import { toBase64 } from "../src/peer-protocol.ts";
import { describeWithGo, fast, pairs, quiet, useCluster } from "./support.ts";

const long = "ü".repeat(127) + "x";

describeWithGo.each(pairs)("the label of a %s node and a %s node", (left, right) => {
  const cluster = useCluster();

  it.each(["blue", long])("lets packets and streams through when both are equal (%#)", async (label) => {
    const a = await cluster.start(left, "a", { ...fast, label });
    const b = await cluster.start(right, "b", { ...fast, label });
    await cluster.form(a, b);
    for (const mode of ["bestEffort", "reliable"] as const) {
      await a.command("send", { node: "b", mode, payload: toBase64(mode) });
      await b.waitFor((event) => event.event === "message" && event.payload === toBase64(mode), {
        what: `the message by ${mode}`,
      });
    }
    expect(await a.ping(b)).toBeLessThan(150);
    for (const [peer, other] of [
      [a, "b"],
      [b, "a"],
    ] as const) {
      await peer.waitFor((event) => event.event === "pingComplete" && event.node === other, { what: `an answer of ${other}` });
    }
  });

  it.each([
    ["blue", "green"],
    ["blue", ""],
    ["", "blue"],
  ])("keeps them apart when it differs: %j and %j", async (here, there) => {
    const a = await cluster.start(left, "a", { ...quiet, tcpTimeout: 1_000, label: here });
    const b = await cluster.start(right, "b", { ...quiet, tcpTimeout: 1_000, label: there });
    await expect(a.join(b)).rejects.toThrow("join");
    await expect(a.command("ping", { name: "b", addr: b.address })).rejects.toThrow(/[Nn]o response/);
    await a.command("send", { addr: b.address, mode: "address", payload: toBase64("not for b") });
    // The ping has been behind the first stream, and this one is behind the message.
    await expect(a.command("ping", { name: "b", addr: b.address })).rejects.toThrow(/[Nn]o response/);
    expect(b.events.filter((event) => event.event === "message")).toEqual([]);
    expect((await b.members()).map(({ name }) => name)).toEqual(["b"]);
    expect((await a.members()).map(({ name }) => name)).toEqual(["a"]);
  });
});
