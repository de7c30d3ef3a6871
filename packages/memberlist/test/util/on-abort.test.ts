import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { onAbort } from "../../src/util/on-abort.ts";

it("calls every listener once, and gives the signal one listener however many there are", () => {
  const controller = new AbortController();
  const called: number[] = [];
  for (let i = 0; i < 50; i++) onAbort(controller.signal, () => called.push(i));
  expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
  controller.abort();
  controller.abort();
  expect(called).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

it("does not call a removed listener, not even one removed by another listener", () => {
  const controller = new AbortController();
  const called: string[] = [];
  const listener = (): void => void called.push("shared");
  const removeFirst = onAbort(controller.signal, listener);
  onAbort(controller.signal, () => {
    called.push("remover");
    removeLast();
  });
  onAbort(controller.signal, listener);
  const removeLast = onAbort(controller.signal, () => called.push("last"));
  removeFirst();
  removeFirst();
  controller.abort();
  expect(called).toEqual(["remover", "shared"]);
});

it("leaves no listener on an unused signal, and can use the signal again", () => {
  const controller = new AbortController();
  const removers = [onAbort(controller.signal, () => undefined), onAbort(controller.signal, () => undefined)];
  for (const remove of removers) remove();
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  let called = 0;
  onAbort(controller.signal, () => called++);
  controller.abort();
  expect(called).toBe(1);
});
