import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as core from "../src/index.ts";
import * as certificates from "../src/certificates/index.ts";
import * as transport from "../src/transport-kit/index.ts";
import * as metrics from "../src/metrics/index.ts";
import * as testing from "../src/testing/index.ts";

/** What users import by name. A change here is a change of the public API: it belongs into the release notes. */
it("exports these names and no others", () => {
  expect(Object.keys(core).toSorted()).toMatchInlineSnapshot(`
    [
      "ConfigError",
      "JoinError",
      "Keyring",
      "MemberlistError",
      "TransmitLimitedQueue",
      "createMemberlist",
      "decodeKey",
      "decodeTags",
      "encodeTags",
      "fetchMembers",
      "generateKey",
      "kubernetesConfig",
      "lanConfig",
      "localConfig",
      "metaMaxSize",
      "srvSeeds",
      "wanConfig",
    ]
  `);
  expect(Object.keys(certificates).toSorted()).toEqual(["createClusterCa", "issueNodeCertificate"]);
  expect(Object.keys(metrics)).toEqual(["metricCatalogue"]);
  expect(Object.keys(transport).toSorted()).toEqual(["formatAddress", "parseAddress", "streamOnly", "systemClock"]);
  expect(Object.keys(testing).toSorted()).toMatchInlineSnapshot(`
    [
      "MemoryNetwork",
      "MemoryTransport",
      "SeededRandom",
      "VirtualClock",
      "settlePromises",
      "transportConformance",
    ]
  `);
});

it("exports these entry points", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { exports: object };
  expect(Object.keys(manifest.exports)).toEqual([
    ".",
    "./certificates",
    "./internal",
    "./metrics",
    "./testing",
    "./transport",
    "./package.json",
  ]);
});
