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
