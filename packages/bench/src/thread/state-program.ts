/** A module of `thread.module`: the state of 20 MiB that a member sends in its push/pulls, whatever its application does. */
import type { Config } from "@memberlist/core";
import { letters } from "../payloads.ts";

const state = letters(20 * 1024 * 1024 - 64 * 1024);

export default { delegate: { localState: () => state } } satisfies Partial<Config>;
