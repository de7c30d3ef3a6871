import { AsyncLocalStorage } from "node:async_hooks";
import { expect, it } from "vitest";
import { contextClock } from "../../src/transport-kit/context-clock.ts";
import { systemClock } from "../../src/ports/clock.ts";

const storage = new AsyncLocalStorage<string>();

it.each(["setTimeout", "defer"] as const)("runs the callbacks of %s in the captured context", async (kind) => {
  const clock = contextClock(
    systemClock(),
    storage.run("captured", () => AsyncLocalStorage.snapshot()),
  );
  const seen = await storage.run(
    "caller",
    () =>
      new Promise((resolve) => {
        const callback = (): void => resolve(storage.getStore());
        if (kind === "defer") clock.defer(callback);
        else clock.setTimeout(callback, 1);
      }),
  );
  expect(seen).toBe("captured");
});

it("cancels a timer", async () => {
  const clock = contextClock(
    systemClock(),
    storage.run("captured", () => AsyncLocalStorage.snapshot()),
  );
  const fired: string[] = [];
  clock.clearTimeout(clock.setTimeout(() => fired.push("cancelled"), 1));
  await new Promise<void>((resolve) => {
    clock.setTimeout(resolve, 2);
  });
  expect(fired).toEqual([]);
});
