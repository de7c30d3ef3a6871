import { expect, it } from "vitest";
import { MetricsBuffer } from "../../src/thread/metrics-buffer.ts";

it("sums a counter by its labels, whether they are the same object or not, and begins anew after each report", () => {
  const added: number[] = [];
  const buffer = new MetricsBuffer(() => added.push(1));
  const common = { cluster: "shop" };
  buffer.increment("memberlist.udp.sent", 1, common);
  buffer.increment("memberlist.udp.sent", 2, common);
  buffer.increment("memberlist.udp.sent", 3, { cluster: "shop" });
  buffer.increment("memberlist.udp.sent", 4, { cluster: "other" });
  buffer.increment("memberlist.udp.received", 5, common);
  const sums = (): unknown[] => buffer.take().map(({ name, labels, values }) => [name, labels["cluster"], values]);
  expect(sums()).toEqual([
    ["memberlist.udp.sent", "shop", [6]],
    ["memberlist.udp.sent", "other", [4]],
    ["memberlist.udp.received", "shop", [5]],
  ]);
  buffer.increment("memberlist.udp.sent", 7, common);
  expect(sums()).toEqual([["memberlist.udp.sent", "shop", [7]]]);
  expect(added).toHaveLength(4);
});

it("sums a counter by the content of its labels, even if each of many calls has a new object", () => {
  const buffer = new MetricsBuffer(() => undefined);
  for (let i = 0; i < 1_000; i++) buffer.increment("memberlist.udp.sent", 1, { cluster: "shop" });
  expect(buffer.take().map(({ values }) => values)).toEqual([[1_000]]);
});
