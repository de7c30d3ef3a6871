import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { SerialQueue } from "../../src/util/serial-queue.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("SerialQueue", () => {
  it("does not retain the result of the last work", async () => {
    const turns = new SerialQueue(nextTurn);
    const work = async (): Promise<WeakRef<Uint8Array>> => {
      const result = await turns.take(
        () => true,
        async () => new Uint8Array(1024),
      );
      return new WeakRef(result);
    };
    const result = await work();
    // A WeakRef holds its target until the turn of the event loop ends.
    for (let i = 0; i < 10 && result.deref() !== undefined; i++) {
      await nextTurn();
      collectGarbage();
    }
    expect(result.deref()).toBeUndefined();
    await expect(
      turns.take(
        () => true,
        async () => 7,
      ),
    ).resolves.toBe(7);
  });

  it("continues after work that failed", async () => {
    const turns = new SerialQueue(nextTurn);
    const failed = turns.take(
      () => true,
      () => Promise.reject(new Error("bad")),
    );
    const next = turns.take(
      () => true,
      async () => 8,
    );
    await expect(failed).rejects.toThrow("bad");
    await expect(next).resolves.toBe(8);
  });
});
