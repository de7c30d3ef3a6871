import { describe, expect, it } from "vitest";
import { createMemberlist } from "../src/index.ts";
import { Attacker } from "./hostile-support.ts";
import { floodLimit, floods, joins, joinsDuring, messages, type Flood } from "./stream-floods.ts";
import { silent } from "./support.ts";

async function attack(port: number, { bytes, ...flood }: Flood): Promise<() => Promise<void>> {
  const attacker = new Attacker();
  const attacked = attacker.run("floodStreams", { port, limit: floodLimit, ...flood, bytes: Uint8Array.from(bytes) });
  return async () => {
    await attacker.run("stopFloodStreams");
    await attacked;
    await attacker[Symbol.asyncDispose]();
  };
}

describe.each([
  ["over UDP and TCP", false],
  ["over streams alone", true],
])("a member %s", (_, streamOnly) => {
  it.each(floods)(
    "accepts 20 of 20 joins from another address, and its messages, while %s",
    { timeout: 120_000 },
    async (_name, flood) => {
      const create = (config: Parameters<typeof createMemberlist>[0]) =>
        createMemberlist({ ...config, workers: { off: true }, streamOnly });
      const { joined, heard } = await joinsDuring(flood, { create, logger: silent, attack });
      expect(joined).toBe(joins);
      expect(heard).toBeGreaterThanOrEqual(messages);
    },
  );
});
