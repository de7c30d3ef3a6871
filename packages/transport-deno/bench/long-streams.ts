/**
 * A push/pull of 20 MiB each way, compressed and encrypted, between two members in this process: how long the event loop stood still, and
 * how long it took. With the long ways of the crypto and without, in turn:
 *
 *     deno run --allow-net --unstable-net packages/transport-deno/bench/long-streams.ts [rounds]
 */
import type { AesGcm, Crypto } from "@memberlist/core";
import { letters } from "../../bench/src/payloads.ts";
import { createMemberlist, DenoTransport, decodeKey, generateKey, lanConfig, type Memberlist } from "../src/index.ts";

const rounds = Number(Deno.args[0] ?? 5);
const state = letters(20 * 1024 * 1024);
const secretKey = decodeKey(generateKey());

function atOnce(crypto: Crypto): Crypto {
  const aesGcm = (key: Uint8Array): AesGcm => ({ ...crypto.aesGcm(key), encryptLong: undefined, decryptLong: undefined });
  return { aesGcm };
}

async function start(name: string, change: (crypto: Crypto) => Crypto): Promise<Memberlist> {
  const transport = await DenoTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0 });
  Object.assign(transport, { crypto: change(transport.crypto) });
  const { bindPort } = transport;
  const delegate = { localState: () => state };
  const config = { ...lanConfig(), tcpTimeout: 60_000, pushPullInterval: 0, probeInterval: 60_000, secretKey, delegate };
  return createMemberlist({ ...config, name, bindAddr: "127.0.0.1", bindPort, transport });
}

/** In ms. */
async function exchange(change: (crypto: Crypto) => Crypto): Promise<{ readonly stall: number; readonly time: number }> {
  const [a, b] = [await start("a", change), await start("b", change)];
  let stall = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    stall = Math.max(stall, now - last);
    last = now;
  }, 1);
  const begin = performance.now();
  await b.join([`127.0.0.1:${a.localNode().port}`]);
  const time = performance.now() - begin;
  clearInterval(timer);
  await Promise.all([a.shutdown(), b.shutdown()]);
  return { stall, time };
}

const cases = { "off the event loop": (crypto: Crypto): Crypto => crypto, "on the event loop": atOnce };
const found: Record<string, { readonly stall: number; readonly time: number }[]> = {};
for (let round = 0; round < rounds; round++) {
  for (const [name, change] of Object.entries(cases)) (found[name] ??= []).push(await exchange(change));
}
for (const [name, all] of Object.entries(found)) {
  const sorted = (of: "stall" | "time"): string =>
    all
      .map((one) => one[of])
      .toSorted((x, y) => x - y)
      .map((ms) => ms.toFixed(0))
      .join(", ");
  Deno.stdout.writeSync(
    new TextEncoder().encode(`encrypted ${name}: longest stalls ${sorted("stall")} ms; whole exchanges ${sorted("time")} ms\n`),
  );
}
