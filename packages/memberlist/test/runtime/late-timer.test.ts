import { expect, it } from "vitest";
import {
  createMemberlist,
  lanConfig,
  type Clock,
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

/** A process that can be held up: time passes, and then timers come first, what has arrived second, deferred work last. */
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

  /** Lets time pass; `arrives` is what the process reads between its timers and its deferred work. */
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

async function start(process: Process): Promise<{ members: Memberlist; listener: TransportListener; sent: Uint8Array[] }> {
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
  });
  return { members, listener: listener as TransportListener, sent };
}

/** The pings sent, out of the compounds that broadcasts ride along in. */
function pings(sent: readonly Uint8Array[]): Uint8Array[] {
  const messages = sent.flatMap((packet) => {
    const message = decodePacket(packet, { label: emptyBytes, skipInboundLabelCheck: false });
    return message[0] === messageType.compound ? splitCompound(message.subarray(1)).parts : [message];
  });
  return messages.filter((message) => message[0] === messageType.ping);
}

it("passes no verdict on a node whose ack was waiting while the process was held up", async () => {
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
  // Held up for three probe intervals: every timer of the probe is over, and only then its ack is read.
  process.pass(3000, () => listener.packet(encodeAckResp({ seqNo: ping.seqNo, payload: meta }), from, answered));
  expect(members.members().map(({ state }) => state)).toEqual(["alive", "alive"]);
  // The wait itself is held against ourselves.
  expect(members.healthScore()).toBeGreaterThan(0);

  // The control: without the ack it is suspected, however slow the bad health makes us.
  const state = (): string | undefined => members.members().find(({ name }) => name === "b")?.state;
  for (let i = 0; i < 600 && state() !== "suspect"; i++) process.pass(100);
  expect(members.members().find(({ name }) => name === "b")?.state).toBe("suspect");
  await members.shutdown();
});
