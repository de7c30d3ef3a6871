import { expect, it } from "vitest";
import {
  createMemberlist,
  lanConfig,
  type Clock,
  type Config,
  type Memberlist,
  type Transport,
  type TransportListener,
} from "../../src/index.ts";
import { emptyBytes } from "../../src/wire/bytes.ts";
import { splitCompound } from "../../src/wire/compound.ts";
import { messageType } from "../../src/wire/constants.ts";
import { decodePing } from "../../src/wire/messages/decode.ts";
import { encodeAckResp, encodeAlive } from "../../src/wire/messages/encode.ts";
import { decodePacket } from "../../src/wire/packet.ts";

/** A process whose event loop can block: afterwards timers run first, then arrived input, then deferred work. */
class Process {
  now = 0;
  readonly deferred: (() => void)[] = [];
  readonly timers = new Map<number, { at: number; callback: () => void }>();
  #next = 1;

  readonly clock: Clock = {
    now: () => this.now,
    wallTime: () => this.now,
    setTimeout: (callback, delay) => {
      this.timers.set(this.#next, { at: this.now + delay, callback });
      return this.#next++;
    },
    clearTimeout: (timer) => this.timers.delete(timer as number),
    defer: (callback) => this.deferred.push(callback),
  };

  /** Lets time pass; `arrives` delivers input between the timers and the deferred work. */
  pass(ms: number, arrives: () => void = () => undefined): void {
    this.now += ms;
    for (const [id, { at, callback }] of this.timers) {
      if (at > this.now || !this.timers.delete(id)) continue;
      callback();
    }
    arrives();
    for (const callback of this.deferred.splice(0)) callback();
  }
}

async function start(
  process: Process,
  config: Partial<Config> = {},
): Promise<{ members: Memberlist; listener: TransportListener; sent: Uint8Array[] }> {
  const sent: Uint8Array[] = [];
  let listener: TransportListener | undefined;
  const transport: Transport = {
    finalAdvertiseAddr: () => ({ addr: "10.0.0.1", port: 7946 }),
    writeTo: (packet) => sent.push(packet) > 0,
    dial: () => Promise.reject(new Error("no streams here")),
    listen: (given) => {
      listener = given;
    },
    shutdown: () => Promise.resolve(),
  };
  const base = { ...lanConfig(), gossipInterval: 0, pushPullInterval: 0, enableCompression: false };
  const members = await createMemberlist({
    ...base,
    name: "a",
    transport,
    clock: process.clock,
    random: { next: () => 0 },
    disableTcpPings: true,
    logOutput: { write: () => undefined },
    ...config,
  });
  return { members, listener: listener as TransportListener, sent };
}

/** The pings sent, alone or in compounds. */
function pings(sent: readonly Uint8Array[]): Uint8Array[] {
  const messages = sent.flatMap((packet) => {
    const message = decodePacket(packet, { label: emptyBytes, skipInboundLabelCheck: false });
    return message[0] === messageType.compound ? splitCompound(message.subarray(1)).parts : [message];
  });
  return messages.filter((message) => message[0] === messageType.ping);
}

it("does not suspect a node whose ack arrived while the event loop was blocked", async () => {
  const process = new Process();
  const { members, listener, sent } = await start(process);
  const from = { host: "10.0.0.2", port: 7946, name: "" };
  const vsn = [1, 5, 2, 0, 0, 0];
  const meta = new Uint8Array(0);
  listener.packet(encodeAlive({ incarnation: 1, node: "b", addr: from.host, port: from.port, meta, vsn }), from, 0);
  process.pass(0);
  expect(members.numMembers()).toBe(2);

  for (let i = 0; i < 30 && pings(sent).length === 0; i++) process.pass(100);
  const ping = decodePing(pings(sent)[0]!.subarray(1));
  const answered = process.now + 5;
  // Blocks for three probe intervals: every timer of the probe is due before its ack is read.
  process.pass(3000, () => listener.packet(encodeAckResp({ seqNo: ping.seqNo, payload: meta }), from, answered));
  expect(members.members().map(({ state }) => state)).toEqual(["alive", "alive"]);
  // The delay worsens the node's own health score.
  expect(members.healthScore()).toBeGreaterThan(0);

  // The control: without the ack the node is suspected, despite the bad health score.
  const state = (): string | undefined => members.members().find(({ name }) => name === "b")?.state;
  for (let i = 0; i < 600 && state() !== "suspect"; i++) process.pass(100);
  expect(members.members().find(({ name }) => name === "b")?.state).toBe("suspect");
  await members.shutdown();
});

const peer = { host: "10.0.0.2", port: 7946, name: "" };

function aliveOf(node: string): Uint8Array {
  return encodeAlive({ incarnation: 1, node, addr: peer.host, port: 7946, meta: emptyBytes, vsn: [1, 5, 2, 0, 0, 0] });
}

/** Each alive message takes 3 ms, more than one turn may spend on messages. */
function slowTo(process: Process): Partial<Config> {
  return { alive: { notifyAlive: () => void (process.now += 3) } };
}

it("yields to the event loop after each queued message if each takes long", async () => {
  const process = new Process();
  const { members, listener } = await start(process, slowTo(process));
  for (let i = 0; i < 10; i++) listener.packet(aliveOf(`n${i}`), peer, 0);
  const handled: number[] = [];
  for (let i = 0; i < 10; i++) {
    process.pass(0);
    handled.push(members.numMembers() - 1);
  }
  expect(handled).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await members.shutdown();
});

it("handles all messages queued during a blocked event loop, one a turn, before it fires timers", async () => {
  const process = new Process();
  const { members, listener, sent } = await start(process, slowTo(process));
  listener.packet(aliveOf("b"), peer, 0);
  process.pass(0);
  const before = sent.length;
  process.pass(3000, () => {
    for (let i = 0; i < 10; i++) listener.packet(aliveOf(`n${i}`), peer, 0);
  });
  for (let i = 0; i < 9; i++) {
    expect(members.numMembers() - 2).toBeLessThanOrEqual(i + 1);
    expect(sent).toHaveLength(before);
    process.pass(0);
  }
  for (let i = 0; i < 3; i++) process.pass(0);
  expect(members.numMembers()).toBe(12);
  // The probe that was due.
  expect(pings(sent.slice(before)).length).toBeGreaterThan(0);
  expect(members.counters()["event_loop_blocked"]).toBe(1);
  await members.shutdown();
});

it("fires the timers after a blocked event loop even if messages never end", async () => {
  const process = new Process();
  const { members, listener, sent } = await start(process, slowTo(process));
  listener.packet(aliveOf("b"), peer, 0);
  process.pass(0);
  const before = sent.length;
  let count = 0;
  const flood = (): void => {
    for (let i = 0; i < 2; i++) listener.packet(aliveOf(`n${count++}`), peer, 0);
  };
  process.pass(3000, flood);
  for (let i = 0; i < 100 && sent.length === before; i++) process.pass(0, flood);
  expect(pings(sent.slice(before)).length).toBeGreaterThan(0);
  await members.shutdown();
});
