import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Vector } from "../src/capture-session.ts";
import { describePacket, describeStream } from "../src/describe-wire.ts";

const file = new URL("../../memberlist/test/vectors/go-0.7.0.json", import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, "utf8")) as { vectors: readonly Vector[] };
const encrypted = vectors.filter((vector) => vector.key !== undefined);

describe("the set of golden vectors", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    "describes the bytes of %s, decrypted too",
    (_name, vector) => {
      const bytes = new Uint8Array(Buffer.from(vector.hex, "hex"));
      const secrets = { label: vector.label ?? "", ...(vector.key && { key: Buffer.from(vector.key, "hex") }) };
      const { layers, messages } = vector.kind === "packet" ? describePacket(bytes, secrets) : describeStream(bytes, secrets);
      expect({ layers, messages }).toEqual({ layers: vector.layers, messages: vector.messages });
    },
  );

  it("covers both versions of encryption and all sizes of a key, in packets and streams, with a label and without", () => {
    for (const kind of ["packet", "stream"] as const) {
      const of = encrypted.filter((vector) => vector.kind === kind);
      expect(new Set(of.map((vector) => vector.key?.length))).toEqual(new Set([32, 48, 64]));
      const layers = new Set(of.map((vector) => vector.layers.filter((layer) => /label|encrypt/.test(layer)).join(" ")));
      for (const expected of ["encrypt0", "encrypt1", "label encrypt0", "label encrypt1"]) expect(layers).toContain(expected);
    }
  });

  it("fails to decrypt under another key or label", () => {
    for (const vector of encrypted.filter(({ kind }) => kind === "packet")) {
      const bytes = new Uint8Array(Buffer.from(vector.hex, "hex"));
      const key = Buffer.from(vector.key ?? "", "hex");
      expect(() => describePacket(bytes, { label: `${vector.label ?? ""}x`, key })).toThrow("authenticate");
      expect(() => describePacket(bytes, { label: vector.label ?? "", key: Buffer.alloc(key.length) })).toThrow("authenticate");
    }
  });
});
