import { describe, expect, it } from "vitest";
import { addLabel, labelHeader, labelOverhead, splitLabel } from "../../src/wire/label.ts";
import { readStreamLabel } from "../../src/wire/stream-messages.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { ascii, fromHex, toHex } from "./hex.ts";
import { reasonOf, rejectionOf } from "./reason.ts";
import { streamOf } from "./stream-of.ts";

const none = new Uint8Array(0);
const longest = new Uint8Array(255).fill(0x78);
const tooLong = new Uint8Array(256).fill(0x78);
const message = ascii("something");

describe("labels of packets", () => {
  it("puts the label in front [AddLabelHeaderToPacket]", () => {
    expect(addLabel(message, none)).toBe(message);
    expect(toHex(addLabel(message, ascii("foo")))).toBe(`f403666f6f${toHex(message)}`);
    expect(toHex(addLabel(none, ascii("foo")))).toBe("f403666f6f");
    expect(addLabel(message, longest)).toHaveLength(2 + 255 + message.length);
    expect(() => addLabel(message, tooLong)).toThrow(RangeError);
  });

  it("takes the label off [RemoveLabelHeaderFromPacket]", () => {
    expect(splitLabel(none)).toEqual({ label: none, rest: none });
    expect(splitLabel(message)).toEqual({ label: none, rest: message });
    expect(splitLabel(addLabel(message, ascii("foo")))).toEqual({ label: ascii("foo"), rest: message });
    expect(splitLabel(addLabel(none, ascii("foo")))).toEqual({ label: ascii("foo"), rest: none });
    expect(splitLabel(addLabel(message, longest))).toEqual({ label: longest, rest: message });
    for (const hex of ["f4", "f400", "f40061", "f401", "f402 61"])
      expect(reasonOf(() => splitLabel(fromHex(hex)))).toBe("bad_label");
  });

  it("returns the size of a label [LabelOverhead]", () => {
    expect([none, ascii("a"), ascii("foo"), longest].map(labelOverhead)).toEqual([0, 3, 5, 257]);
  });
});

describe("labels of streams", () => {
  it("makes the header that a stream starts with [AddLabelHeaderToStream]", () => {
    expect(labelHeader(none)).toEqual(none);
    expect(toHex(labelHeader(ascii("foo")))).toBe("f403666f6f");
    expect(labelHeader(longest)).toHaveLength(257);
    expect(() => labelHeader(tooLong)).toThrow(RangeError);
  });

  it.each([1, 2, 300])(
    "takes the header off in chunks of %i, and nothing else [RemoveLabelHeaderFromStream]",
    async (chunkSize) => {
      for (const [label, rest] of [
        [none, message],
        [ascii("foo"), message],
        [longest, message],
        [ascii("foo"), none],
        [none, none],
      ] as const) {
        const reader = new StreamReader(streamOf(addLabel(rest, label), chunkSize));
        expect(await readStreamLabel(reader)).toEqual(label);
        expect(await reader.readExactly(rest.length)).toEqual(rest);
      }
    },
  );

  it.each(["f4", "f400", "f401", "f40361 62"])("refuses the header %s [RemoveLabelHeaderFromStream]", async (hex) => {
    expect(await rejectionOf(readStreamLabel(new StreamReader(streamOf(fromHex(hex), 1))))).toBe("bad_label");
  });

  it("passes on the error of a stream that breaks within the header", async () => {
    const cause = new Error("reset");
    const broken = new StreamReader(streamOf(fromHex("f40361"), 1, cause));
    await expect(readStreamLabel(broken)).rejects.toMatchObject({ code: "stream_failed", cause });
  });

  it("leaves the end of a stream clean when only a label came", async () => {
    const reader = new StreamReader(labelHeader(ascii("foo")));
    await readStreamLabel(reader);
    await expect(reader.readByte()).rejects.toMatchObject({ code: "stream_closed", details: { clean: true } });
  });
});
