import { expect, it } from "vitest";
import { pack, unpack } from "../../src/thread/packed-values.ts";
import { MemberlistError } from "../../src/index.ts";

it("keeps the code of a system's error that is the cause of another", () => {
  const cause = Object.assign(new Error("bind EADDRINUSE"), { code: "EADDRINUSE", errno: -98, socket: { cause: 1 } });
  const error = new MemberlistError("bind_failed", "the port is taken", { cause });
  const restored = unpack(structuredClone(pack(error))) as MemberlistError;
  expect(restored).toBeInstanceOf(MemberlistError);
  expect(restored.code).toBe("bind_failed");
  expect(restored.cause).toMatchObject({ message: "bind EADDRINUSE", code: "EADDRINUSE", errno: -98 });
  expect(restored.cause).not.toHaveProperty("socket");
});
