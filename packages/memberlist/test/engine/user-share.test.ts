import { expect, it } from "vitest";
import { EngineHarness } from "./engine-harness.ts";
import { alive } from "./messages.ts";

interface Traffic {
  /** Bytes of user broadcasts and of our own in all packets. */
  readonly user: number;
  readonly own: number;
}

/** A node that has more of both to say than fits, for 100 rounds of one packet each; user broadcasts of `size` bytes. */
function traffic(userBroadcastShare: number, size: number): Traffic {
  const node = new EngineHarness({
    config: { userBroadcastShare, gossipInterval: 200, gossipNodes: 1, probeInterval: 0, retransmitMult: 1000 },
    questions: {
      hasUserBroadcasts: true,
      userBroadcasts: (overhead, limit) =>
        Array.from({ length: Math.floor(limit / (overhead + size)) }, () => new Uint8Array(size)),
    },
  }).start();
  for (let i = 2; i <= 40; i++) node.deliver(alive(`n${i}`, { meta: new Uint8Array(100) }));
  node.takeSent();
  node.advance(200 * 100);
  let user = 0;
  let own = 0;
  for (const { bytes, messages } of node.takeSent()) {
    expect(bytes.length).toBeLessThanOrEqual(1395);
    const users = messages.reduce((sum, message) => sum + (message.kind === "user" ? size + 3 : 0), 0);
    user += users;
    own += bytes.length - 2 - users;
  }
  return { user, own };
}

it.each([0.1, 0.25, 0.5])("a share of %s is what user broadcasts get, and no more, of packets that both want", (share) => {
  const { user, own } = traffic(share, 20);
  expect(user / (user + own)).toBeGreaterThan(share * 0.85);
  expect(user / (user + own)).toBeLessThan(share * 1.3);
});

it("a message that is longer than its part of a packet is sent once enough is saved up", () => {
  const { user, own } = traffic(0.25, 1200);
  expect(user / 1203).toBeGreaterThanOrEqual(24);
  expect(user / (user + own)).toBeLessThan(0.35);
});

it("with 0 our own messages come first, and user broadcasts have what they leave over", () => {
  const { user, own } = traffic(0, 200);
  expect(user).toBe(0);
  expect(own).toBeGreaterThan(100 * 1200);
});
