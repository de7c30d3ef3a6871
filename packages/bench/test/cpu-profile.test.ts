import { describe, expect, it } from "vitest";
import { bundleNaming, framesOf, heaviest, workAtTheEnd, type CpuProfile } from "../src/profile/cpu-profile.ts";

const frame = (functionName: string, lineNumber: number, url = "file:///bundle.mjs") => ({ functionName, url, lineNumber });

/** main calls send twice as long as crc; send calls crc, too. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)", -1, ""), children: [2, 5] },
    { id: 2, callFrame: frame("main", 1), children: [3, 4] },
    { id: 3, callFrame: frame("crc", 4) },
    { id: 4, callFrame: frame("send", 3), children: [6] },
    { id: 5, callFrame: frame("(idle)", -1, "") },
    { id: 6, callFrame: frame("crc", 4) },
  ],
  samples: [3, 4, 4, 5, 6],
  timeDeltas: [10, 30, 20, 30, 10],
};
const naming = bundleNaming("// src/main.ts\nmain\n// packages/x/src/udp-socket.ts\nsend\ncrc\n");

describe("a CPU profile", () => {
  it("becomes a tree of shares, the widest first", () => {
    expect(framesOf(profile, naming, 0)).toEqual([
      { name: "(root)", depth: 0, from: 0, to: 1 },
      { name: "main main.ts", depth: 1, from: 0, to: 0.7 },
      { name: "send udp-socket.ts", depth: 2, from: 0, to: 0.6 },
      { name: "crc udp-socket.ts", depth: 3, from: 0, to: 0.1 },
      { name: "crc udp-socket.ts", depth: 2, from: 0.6, to: 0.7 },
      { name: "(idle)", depth: 1, from: 0.7, to: 1 },
    ]);
  });

  it("leaves out narrow branches", () => {
    expect(framesOf(profile, naming, 0.2).map(({ name }) => name)).toEqual([
      "(root)",
      "main main.ts",
      "send udp-socket.ts",
      "(idle)",
    ]);
  });

  it("names the function that takes the most time itself, wherever it is called", () => {
    expect(heaviest(profile, naming, 3)).toEqual([
      { name: "send udp-socket.ts", share: 0.5 },
      { name: "(idle)", share: 0.3 },
      { name: "crc udp-socket.ts", share: 0.2 },
    ]);
  });
});

describe("workAtTheEnd", () => {
  it("drops the start of the program, and idle time", () => {
    // Of the last 60 µs: 20 in send, 30 idle, 10 in crc.
    const { samples, timeDeltas } = workAtTheEnd(profile, 60);
    expect(samples).toEqual([4, 6]);
    expect(timeDeltas).toEqual([20, 10]);
    expect(workAtTheEnd(profile, 1000).samples).toEqual([3, 4, 4, 6]);
  });
});

describe("bundleNaming", () => {
  it("names Node's own modules, and functions without a name", () => {
    expect(naming(frame("send", 7, "node:dgram"))).toBe("send node:dgram");
    expect(naming(frame("", 4))).toBe("(anonymous) udp-socket.ts");
  });
});
