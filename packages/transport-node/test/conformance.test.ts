import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { transportConformance } from "@memberlist/core/testing";
import { nodeHarness } from "./conformance-support.ts";
import { silentPort, type SilentPort } from "./silent-port.ts";

let silent: SilentPort;
beforeAll(async () => {
  silent = await silentPort();
});
afterAll(() => silent.close());

describe("NodeTransport passes the conformance suite", () => {
  it.each(transportConformance(nodeHarness(() => silent.address)))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("streamOnly passes the conformance suite on NodeTransport without UDP", () => {
  it.each(transportConformance(nodeHarness(() => silent.address, "streams")))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
