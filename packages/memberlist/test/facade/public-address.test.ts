import { expect, it } from "vitest";
import { decodeKey, generateKey } from "../../src/index.ts";
import { clusters, codes } from "./cluster.ts";

const cluster = clusters();

it("warns only of a public address without encryption", async () => {
  const one = cluster();
  const warned = async (host: string, secretKey?: Uint8Array): Promise<boolean> =>
    codes(await one.start({ host, secretKey })).includes("public_without_encryption");
  expect(await warned("8.8.4.4")).toBe(true);
  expect(await warned("2606:4700::1")).toBe(true);
  expect(await warned("8.8.8.8", decodeKey(generateKey()))).toBe(false);
  const reserved: string[] = [];
  for (const host of ["10.1.2.3", "192.168.0.7", "127.0.0.5", "100.64.0.1", "fd00::1", "fe80::1"]) {
    if (await warned(host)) reserved.push(host);
  }
  expect(reserved).toEqual([]);
});
