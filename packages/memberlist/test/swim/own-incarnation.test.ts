import { describe, expect, it } from "vitest";
import type { EngineContext } from "../../src/swim/context.ts";
import { nextIncarnation } from "../../src/swim/own-incarnation.ts";

describe("nextIncarnation", () => {
  it("raises the incarnation above both the current one and the accusation, within u32", () => {
    const context = { incarnation: 3 } as EngineContext;
    expect(nextIncarnation(context)).toBe(4);
    expect(nextIncarnation(context, 4)).toBe(5);
    expect(nextIncarnation(context, 1)).toBe(6);
    expect(nextIncarnation(context, 0xffff_fffe)).toBe(0xffff_ffff);
    expect(nextIncarnation(context, 0xffff_ffff)).toBe(0xffff_ffff);
  });
});
