import { expect, it } from "vitest";
import { EngineHarness } from "./engine-harness.ts";
import { alive } from "./messages.ts";

interface Traffic {
  /** Bytes of user broadcasts and of our own in all packets. */
  readonly user: number;
  readonly own: number;
}

/** The traffic of a node with more membership updates and user broadcasts (of `size` bytes) than fit, over 100 rounds of one packet. */
function traffic(userBroadcastShare: number, size: number): Traffic {
  const node = new EngineHarness({
    config: { userBroadcastShare, gossipInterval: 200, gossipNodes: 1, probeInterval: 0, retransmitMult: 1000 },
    delegates: {
      hasBroadcasts: true,
      getBroadcasts: (overhead, limit) =>
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

it.each([0.1, 0.25, 0.5])("gives user broadcasts a share of %s, and no more, of contended packets", (share) => {
  const { user, own } = traffic(share, 20);
  expect(user / (user + own)).toBeGreaterThan(share * 0.85);
  expect(user / (user + own)).toBeLessThan(share * 1.3);
});

it("sends a message longer than its share of a packet once enough share is saved", () => {
  const { user, own } = traffic(0.25, 1200);
  expect(user / 1203).toBeGreaterThanOrEqual(24);
  expect(user / (user + own)).toBeLessThan(0.35);
});

it("puts membership messages first with a share of 0, and user broadcasts get the rest", () => {
  const { user, own } = traffic(0, 200);
  expect(user).toBe(0);
  expect(own).toBeGreaterThan(100 * 1200);
});

/** A node that always has updates about 39 others. Its user sends nothing at first, and then 1,200-byte messages without end. */
class Saver {
  readonly node: EngineHarness;
  #isTalking = false;
  #round = 0;

  constructor(retransmitMult: number) {
    this.node = new EngineHarness({
      config: { userBroadcastShare: 0.25, gossipInterval: 200, gossipNodes: 1, probeInterval: 0, retransmitMult },
      delegates: {
        hasBroadcasts: true,
        getBroadcasts: (overhead, limit) => (this.#isTalking && limit >= overhead + 1200 ? [new Uint8Array(1200)] : []),
      },
    }).start();
  }

  silence(packets: number): void {
    for (let i = 0; i < packets; i += 10) {
      this.#dispatcher();
      this.node.advance(2_000);
    }
    this.node.takeSent();
  }

  /** How many packets in a row carry a message, out of so many. */
  talk(packets: number): number {
    this.#isTalking = true;
    this.#dispatcher();
    this.node.advance(200 * packets);
    const carries = this.node.takeSent().map(({ messages }) => messages.some(({ kind }) => kind === "user"));
    return carries.includes(false) ? carries.indexOf(false) : carries.length;
  }

  #dispatcher(): void {
    const incarnation = ++this.#round;
    const meta = new Uint8Array(100).fill(incarnation);
    for (let i = 2; i <= 40; i++) this.node.deliver(alive(`n${i}`, { meta, incarnation }));
  }
}

it("saves the unused share of user broadcasts: a quarter of each packet", () => {
  const saver = new Saver(1_000);
  saver.silence(100);
  // 25 packets' worth; and a quarter of what is sent meanwhile comes on top of it.
  expect(saver.talk(60)).toBeGreaterThanOrEqual(28);
  expect(saver.talk(60)).toBeLessThanOrEqual(1);
});

it("caps the saved share at one message's need, which bounds the wait of membership updates", () => {
  const saver = new Saver(4);
  saver.silence(1_000);
  // 4 · ceil(log10(41)) = 8 packets are saved up, and a quarter of each that is sent.
  const inARow = saver.talk(16);
  expect(inARow).toBeGreaterThanOrEqual(8);
  expect(inARow).toBeLessThanOrEqual(13);
});
