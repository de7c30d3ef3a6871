/**
 * Run by Deno. The first argument is the port of an attacker, a process of its own: it takes a line of JSON, attacks, and ends when the
 * connection does. The second says whether members have streams alone.
 */
import { ok, strictEqual } from "node:assert/strict";
import { floods, joins, joinsDuring, messages, type Flood } from "../../transport-node/test/stream-floods.ts";
import { createMemberlist } from "../src/index.ts";
import { silent } from "./support.ts";

const [attackerPort, kind] = Deno.args;

async function attack(port: number, flood: Flood): Promise<() => Promise<void>> {
  const attacker = await Deno.connect({ hostname: "127.0.0.1", port: Number(attackerPort) });
  await attacker.write(new TextEncoder().encode(`${JSON.stringify({ port, ...flood })}\n`));
  return async () => {
    await attacker.closeWrite();
    // It ends its side when the attack is over.
    while ((await attacker.read(new Uint8Array(16))) !== null);
    attacker.close();
  };
}

for (const [name, flood] of floods) {
  Deno.test(`20 of 20 joins from another address succeed while ${name}`, async () => {
    const streamOnly = kind === "streams";
    const { joined, heard } = await joinsDuring(flood, {
      create: (config) => createMemberlist({ ...config, streamOnly }),
      logger: silent,
      attack,
    });
    strictEqual(joined, joins);
    ok(heard >= messages, `${heard} messages came`);
  });
}
