import { afterAll, beforeAll, expect, it } from "vitest";
import { Peer } from "../src/peer.ts";
import { seededBytes, toBase64, type PeerConfig, type PeerEvent } from "../src/peer-protocol.ts";
import { describeWithGo, fast, nextHost, ours } from "./support.ts";

const keySizes = [0, 16, 24, 32] as const;
/** A node encrypts by version 0 where it speaks protocol version 1, and by version 1 above. */
const protocolVersions = [1, 2] as const;

const combinations = keySizes.flatMap((keySize) =>
  protocolVersions.flatMap((protocolVersion) =>
    [true, false].flatMap((enableCompression) =>
      ["", "blue"].map((label) => ({ keySize, protocolVersion, enableCompression, label })),
    ),
  ),
);

/** Each is of a size that no other message has, so that what comes late is not taken for it. */
let lastSize = 0;

/** The bytes of a message of the next size: half of them compress well, half not at all. */
function nextMessage(least: number): string {
  const size = least + ++lastSize;
  const bytes = seededBytes(size, size);
  bytes.fill(97, 0, size >> 1);
  return toBase64(bytes);
}

async function delivers(from: Peer, to: Peer, mode: "bestEffort" | "reliable", least: number): Promise<void> {
  const payload = nextMessage(least);
  await from.command("send", { node: to.name, mode, payload });
  await to.waitFor((event) => event.event === "message" && event.payload === payload, { what: `a message by ${mode}` });
}

/** One puts its broadcast into its gossip, the other hears it. */
async function gossips(from: Peer, to: Peer): Promise<void> {
  const payload = nextMessage(50);
  await from.command("broadcast", { payload });
  await to.waitFor((event) => event.event === "message" && event.payload === payload, { what: "a broadcast" });
}

/** Metadata goes by an alive message: what comes of it is what the other's node table says. */
async function updates(from: Peer, to: Peer): Promise<void> {
  const meta = nextMessage(20);
  await from.command("updateMeta", { meta, timeout: 5_000 });
  await to.waitFor((event) => event.event === "update" && event.node.meta === meta, { what: "new metadata" });
}

/** One joins by a push/pull, which carries each one's state to the other. */
async function joins(from: Peer, to: Peer): Promise<void> {
  const [mine, theirs] = [nextMessage(1_000), nextMessage(1_000)];
  await from.command("setUserState", { state: mine });
  await to.command("setUserState", { state: theirs });
  expect(await from.join(to)).toBe(1);
  for (const [peer, payload] of [
    [to, mine],
    [from, theirs],
  ] as const) {
    await peer.waitFor((event) => event.event === "userStateMerged" && event.join && event.payload === payload, {
      what: "the other's state",
    });
  }
}

describeWithGo("our node", () => {
  // One process each for the whole file, which has one node after the other.
  let go: Peer;
  let mine: Peer;

  beforeAll(async () => {
    [go, mine] = await Promise.all([Peer.spawn("go"), Peer.spawn(ours)]);
  });

  afterAll(() => Promise.all([go.stop(), mine.stop()]));

  it.each(combinations)(
    "exchanges all messages with a Go node: key of $keySize bytes, protocol version $protocolVersion, compression: $enableCompression, label: $label",
    async (combination) => {
      expect(await troubles(go, mine, combination)).toEqual([]);
    },
  );
});

/** Lets the two do all that they can do with each other. What they complain about, or suspect each other of; nothing, if all is well. */
async function troubles(go: Peer, mine: Peer, combination: (typeof combinations)[number]): Promise<PeerEvent[]> {
  const { keySize, ...fields } = combination;
  const config: Partial<PeerConfig> = {
    ...fast,
    ...fields,
    ...(keySize > 0 && { secretKey: toBase64(seededBytes(keySize, keySize)) }),
  };
  const since = new Map([go, mine].map((peer) => [peer, peer.events.length]));
  try {
    await go.create({ ...config, name: "go", bindAddr: nextHost() });
    // Protocol version 1 takes everybody's port to be its own.
    await mine.create({ ...config, name: "ours", bindAddr: nextHost(), bindPort: go.node.bindPort });
    await joins(mine, go);
    await Promise.all([go, mine].map((peer) => peer.waitForAlive(["go", "ours"])));
    await joins(go, mine);
    for (const [from, to] of [
      [go, mine],
      [mine, go],
    ] as const) {
      const checks = [updates(from, to), gossips(from, to)];
      checks.push(
        delivers(from, to, "bestEffort", 10),
        delivers(from, to, "bestEffort", 1_000),
        delivers(from, to, "reliable", 2_000),
      );
      await Promise.all(checks);
      expect(await from.ping(to)).toBeLessThan(500);
    }
    return [go, mine].flatMap((peer) => peer.events.slice(since.get(peer)).filter(isTrouble));
  } finally {
    await Promise.all([go, mine].map((peer) => peer.command("shutdown", {})));
  }
}

function isTrouble(event: PeerEvent): boolean {
  if (event.event === "log") return event.level === "warn" || event.level === "error";
  return event.event === "state" && event.state !== "alive";
}
