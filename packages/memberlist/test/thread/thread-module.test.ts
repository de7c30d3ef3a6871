import { expect, it } from "vitest";
import { lanConfig, type Config } from "../../src/index.ts";
import { MemoryNetwork, SeededRandom, VirtualClock } from "../../src/testing/index.ts";
import { createOverLoopback } from "../facade/loopback-thread.ts";
import { outcome } from "../facade/cluster.ts";

function configOnMemory(): Config & { readonly clock: VirtualClock } {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const network = new MemoryNetwork({ clock, random: random.fork() });
  return { ...lanConfig(), name: "a", clock, random, transport: network.transport({}) };
}

it.each([
  ["delegate", { delegate: { notifyMsg: () => {} } }],
  ["logger", { logger: console as never }],
  ["probeTimeout", { probeTimeout: 400 }],
] as const)("refuses a field that both the config and the module have: %s", async (field, fields) => {
  const creating = createOverLoopback({ ...configOnMemory(), ...fields }, fields);
  await expect(creating).rejects.toMatchObject({ code: "invalid_config", message: expect.stringContaining(field) });
});

it.each([
  ["tags in the module", {}, { tags: { role: "web" } }, /must not have tags: put them into the config/],
  [
    "tags beside nodeMeta of the module",
    { tags: { role: "web" } },
    { delegate: { nodeMeta: () => Uint8Array.of(7) } },
    /^ {2}tags: must be left out when/m,
  ],
] as const)("refuses %s", async (_, fields, module, message) => {
  const creating = createOverLoopback({ ...configOnMemory(), ...fields }, module);
  await expect(creating).rejects.toMatchObject({ code: "invalid_config", message: expect.stringMatching(message) });
});

it("takes a delegate from the module alone", async () => {
  const config = configOnMemory();
  const creating = createOverLoopback(config, { delegate: { nodeMeta: () => Uint8Array.of(7) } });
  await config.clock.advance(10);
  const members = await creating;
  expect(members.localNode().meta).toEqual(Uint8Array.of(7));
  expect(await outcome(members.shutdown())).toBe("ok");
});
