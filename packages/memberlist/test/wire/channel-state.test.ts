import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  decodeSections,
  encodeSections,
  joinState,
  maxSections,
  sectionOverhead,
  splitState,
  trailerBytes,
} from "../../src/wire/channel-state.ts";
import { ascii, fromHex, toHex } from "./hex.ts";

/** The example of docs/reference/channels.md. */
const example = fromHex("73686f70 06 707269636573 00000003 010203 0000000e c16d6c73");

it("encodes and splits the state of the reference page", () => {
  const sections = encodeSections([{ channel: "prices", state: Uint8Array.of(1, 2, 3) }]);
  expect(toHex(joinState(ascii("shop"), sections))).toBe(toHex(example));
  expect(splitState(example)).toEqual({ delegateState: ascii("shop"), sections, isMalformed: false });
});

it("splits every state that it joins", () => {
  const section = fc.record({
    channel: fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }),
    state: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 60 }),
      fc.array(section, { minLength: 1, maxLength: 5 }),
      (delegateState, sections) => {
        const split = splitState(joinState(delegateState, encodeSections(sections)));
        expect(split).toMatchObject({ delegateState, isMalformed: false });
        expect(decodeSections(split.sections as Uint8Array)).toEqual(sections);
      },
    ),
  );
});

it("adds no byte without sections", () => {
  const state = ascii("shop");
  expect(joinState(state, encodeSections([]))).toBe(state);
  expect(splitState(state)).toEqual({ delegateState: state, sections: undefined, isMalformed: false });
});

it("splits a state without a delegate's part, and a section without a state", () => {
  const sections = encodeSections([{ channel: "a", state: new Uint8Array() }]);
  expect(splitState(joinState(new Uint8Array(), sections))).toEqual({
    delegateState: new Uint8Array(),
    sections,
    isMalformed: false,
  });
});

it("counts the bytes that sections and their trailer add", () => {
  const section = { channel: "prix d'été", state: Uint8Array.of(1, 2) };
  const sections = encodeSections([section]);
  expect(sections.length - section.state.length).toBe(sectionOverhead(section.channel));
  expect(joinState(ascii("shop"), sections).length).toBe(4 + sections.length + trailerBytes);
});

it("splits a state with the most sections", () => {
  const sections = Array.from({ length: maxSections }, () => ({ channel: "a", state: new Uint8Array() }));
  const split = splitState(joinState(ascii("shop"), encodeSections(sections)));
  expect([split.isMalformed, split.delegateState]).toEqual([false, ascii("shop")]);
  expect(decodeSections(split.sections as Uint8Array)).toHaveLength(maxSections);
});

it("accepts a section's name of 64 bytes", () => {
  const section = { channel: "a".repeat(64), state: Uint8Array.of(7) };
  expect(decodeSections(encodeSections([section]))).toEqual([section]);
});

it.each([
  ["that is shorter than a trailer", "c16d6c73"],
  ["that ends in a part of the magic bytes", "0161 00000000 00000006 006d6c73"],
  ["that ends in other bytes", "0161 00000000 00000006 c16d6c74"],
])("finds no sections in a state %s", (_, hex) => {
  const state = fromHex(hex);
  expect(splitState(state)).toEqual({ delegateState: state, sections: undefined, isMalformed: false });
});

it.each([
  ["a trailer alone", "00000000 c16d6c73"],
  ["a length of 0", "73686f70 00000000 c16d6c73"],
  ["a length beyond the state", "73686f70 00000005 c16d6c73"],
  ["a section without a name", "00 00000000 00000005 c16d6c73"],
  ["a section that is longer than the rest", "0161 00000002 01 00000007 c16d6c73"],
  ["a header that is cut off", "0161 0000 00000004 c16d6c73"],
  ["a name of 65 bytes", `41 ${"61".repeat(65)} 00000000 00000046 c16d6c73`],
  ["1,025 sections", `${"016100000000".repeat(1_025)} 00001806 c16d6c73`],
])("gives all bytes of a state with a malformed trailer to the delegate: %s", (_, hex) => {
  const state = fromHex(hex);
  expect(splitState(state)).toEqual({ delegateState: state, sections: undefined, isMalformed: true });
});
