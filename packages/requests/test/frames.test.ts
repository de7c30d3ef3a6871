import { describe, expect, it } from "vitest";
import * as fc from "fast-check";
import { decodeFrame, encodeAnswer, encodeFailure, encodeRequest } from "../src/frames.ts";

const id = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const hex = (frame: Uint8Array): string => Array.from(frame, (byte) => byte.toString(16).padStart(2, "0")).join("");

describe("the frame of a request", () => {
  it("equals the bytes that the guide describes", () => {
    const payload = Uint8Array.of(0xaa);
    expect(hex(encodeRequest({ id, onStream: false, timeout: 5_000, name: "price", payload }))).toBe(
      "01010203040506070800001388057072696365aa",
    );
    expect(hex(encodeRequest({ id, onStream: true, timeout: 0.5, name: "p", payload }))).toBe("040102030405060708000000010170aa");
    expect(hex(encodeAnswer(id, payload))).toBe("020102030405060708aa");
    expect(hex(encodeFailure(id, "busy", "no"))).toBe("03010203040506070804627573796e6f");
  });

  it("decodes the frames that it encodes", () => {
    const ids = fc.uint8Array({ minLength: 8, maxLength: 8 });
    const names = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 255 });
    const timeouts = fc.integer({ min: 1, max: 2 ** 31 });
    fc.assert(
      fc.property(ids, names, timeouts, fc.uint8Array(), fc.boolean(), (given, name, timeout, payload, onStream) => {
        const request = { type: "request", id: given, onStream, timeout, name, payload } as const;
        expect(decodeFrame(encodeRequest(request))).toEqual(request);
        expect(decodeFrame(encodeAnswer(given, payload))).toEqual({ type: "answer", id: given, payload });
        const failure = { type: "failure", id: given, code: name, message: name } as const;
        expect(decodeFrame(encodeFailure(given, name, name))).toEqual(failure);
      }),
    );
  });

  it("returns undefined for truncated and unknown frames, and never throws", () => {
    const frame = encodeRequest({ id, onStream: false, timeout: 1, name: "price", payload: new Uint8Array(0) });
    for (let length = 0; length < frame.length; length++) expect(decodeFrame(frame.subarray(0, length))).toBeUndefined();
    expect(decodeFrame(Uint8Array.of(5, ...id))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeFrame(bytes)));
  });

  it("shortens the message of an error", () => {
    expect(encodeFailure(id, "x", "m".repeat(5_000)).length).toBeLessThan(1_100);
  });
});
