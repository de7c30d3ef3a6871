import { describe, expect, it } from "vitest";
import { AckHandlers } from "../../src/swim/ack-handlers.ts";
import { nextSeqNo, type EngineContext } from "../../src/swim/context.ts";
import { TimerQueue } from "../../src/swim/timers.ts";

interface Heard {
  readonly acks: { payload: Uint8Array; receivedAt: number }[];
  nacks: number;
}

function waiting(): { acks: AckHandlers; timers: TimerQueue; heard: Heard; wait: (seqNo: number, until: number) => void } {
  const timers = new TimerQueue();
  const acks = new AckHandlers(timers);
  const heard: Heard = { acks: [], nacks: 0 };
  const wait = (seqNo: number, until: number): void =>
    acks.set(seqNo, until, {
      ack: (payload, receivedAt) => heard.acks.push({ payload, receivedAt }),
      nack: () => heard.nacks++,
    });
  return { acks, timers, heard, wait };
}

const payload: Uint8Array = Uint8Array.of(0, 0, 0);

describe("AckHandlers", () => {
  it("removes an ack and nack handler after its timeout [setProbeChannels]", () => {
    const { acks, timers, heard, wait } = waiting();
    wait(0, 10);
    timers.fire(9);
    expect(acks.size).toBe(1);
    timers.fire(10);
    expect(acks.size).toBe(0);
    acks.ack({ seqNo: 0, payload }, 11);
    acks.nack(0);
    expect(heard).toEqual({ acks: [], nacks: 0 });
  });

  it("removes an ack handler after its timeout [setAckHandler]", () => {
    const { acks, timers } = waiting();
    acks.set(0, 10, { ack: () => expect.unreachable() });
    acks.nack(0);
    expect(acks.size).toBe(1);
    timers.fire(20);
    expect(acks.size).toBe(0);
  });

  it("calls the handler once, and removes it and its timer [invokeAckHandler]", () => {
    const { acks, timers, heard, wait } = waiting();
    acks.ack({ seqNo: 0, payload }, 1);
    wait(0, 10);
    acks.ack({ seqNo: 0, payload }, 2);
    acks.ack({ seqNo: 0, payload }, 3);
    expect(heard.acks).toEqual([{ payload, receivedAt: 2 }]);
    expect(acks.size).toBe(0);
    expect(timers.size).toBe(0);
  });

  it("passes the payload and the time of arrival to the ack callback only [invokeAckHandler_Channel_Ack]", () => {
    const { acks, heard, wait } = waiting();
    wait(0, 10);
    acks.ack({ seqNo: 0, payload }, 7.5);
    expect(heard).toEqual({ acks: [{ payload, receivedAt: 7.5 }], nacks: 0 });
    expect(acks.size).toBe(0);
  });

  it("keeps waiting for an ack after a nack [invokeAckHandler_Channel_Nack]", () => {
    const { acks, heard, wait } = waiting();
    acks.nack(0);
    expect(heard.nacks).toBe(0);
    wait(0, 10);
    acks.nack(0);
    expect(heard).toEqual({ acks: [], nacks: 1 });
    expect(acks.size).toBe(1);
    acks.ack({ seqNo: 0, payload }, 3);
    expect(heard.acks).toHaveLength(1);
    expect(heard.nacks).toBe(1);
    expect(acks.size).toBe(0);
  });

  it("lets a handler register again under its own sequence number", () => {
    const { acks, timers } = waiting();
    acks.set(5, 10, { ack: () => acks.set(5, 20, { ack: () => undefined }) });
    acks.ack({ seqNo: 5, payload }, 1);
    expect(acks.size).toBe(1);
    timers.fire(10);
    expect(acks.size).toBe(1);
    timers.fire(20);
    expect(acks.size).toBe(0);
  });
});

describe("nextSeqNo", () => {
  it("starts sequence numbers at 1, and wraps them at the end of a u32 [NextSeq]", () => {
    const context = { seqNo: 0 } as EngineContext;
    expect(nextSeqNo(context)).toBe(1);
    expect(nextSeqNo(context)).toBe(2);
    context.seqNo = 0xffff_fffe;
    expect([nextSeqNo(context), nextSeqNo(context), nextSeqNo(context)]).toEqual([0xffff_ffff, 0, 1]);
  });
});
