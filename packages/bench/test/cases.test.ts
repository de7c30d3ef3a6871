import { describe, expect, it } from "vitest";
import { lzwCompress } from "../../memberlist/src/wire/compression/lzw.ts";
import { allCases, canSend, isUsual, taskOf } from "../src/throughput/cases.ts";

const payloadsOf = (...args: Parameters<typeof taskOf>): Buffer[] =>
  taskOf(...args).payloads.map((payload) => Buffer.from(payload, "base64"));

describe("each case", () => {
  it("fills the buffer to the last byte: type, checksum and encryption included", () => {
    for (const size of [1400, 8192, 65_507]) {
      for (const payload of payloadsOf({ size, payload: "gossip", mode: "both" })) expect(payload.length + 1 + 5 + 29).toBe(size);
      for (const payload of payloadsOf({ size, payload: "json", mode: "plain" })) expect(payload.length + 1 + 5).toBe(size);
    }
    for (const payload of payloadsOf({ size: 64, payload: "random", mode: "both" })) expect(payload.length).toBe(64);
  });

  it("contains messages with their index in the first byte", () => {
    expect(payloadsOf({ size: 512, payload: "json", mode: "plain" }).map(([first]) => first)).toEqual([...Array(16).keys()]);
  });

  it.each(["gossip", "json", "random"] as const)("contains %s messages that are not copies of each other", (payload) => {
    const [one, other] = payloadsOf({ size: 1400, payload, mode: "plain" });
    const together = lzwCompress(Buffer.concat([one!, other!])).length;
    const copies = lzwCompress(Buffer.concat([one!, one!])).length;
    // Words repeat, as in any two messages of an application; a copy would save more.
    expect(together).toBeGreaterThan(copies);
  });

  it("appears in the list, and the usual ones are enough for every target", () => {
    expect(allCases()).toHaveLength(5 * 3 * 4);
    for (const mode of ["plain", "compressed", "encrypted", "both"] as const) {
      for (const runtime of ["node", "go", "deno", "bun"] as const) {
        expect(isUsual({ size: 1400, payload: "gossip", mode }, runtime)).toBe(true);
      }
    }
  });

  it("excludes packets of full UDP length for the Rust crate, whose headers are longer", () => {
    for (const which of allCases()) {
      expect(canSend(which, "rust")).toBe(which.size < 65_507);
      expect(canSend(which, "node")).toBe(true);
    }
    const usual = allCases().filter((which) => isUsual(which, "rust-threads"));
    expect(usual.map(({ size, payload }) => `${size}/${payload}`)).toEqual(Array(4).fill("1400/gossip"));
  });
});
