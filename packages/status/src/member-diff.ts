import type { MemberInfo } from "@memberlist/core";

/** Finds the members that changed since the last call. */
export class MemberDiff {
  #before: ReadonlyMap<string, MemberInfo> = new Map();

  update(infos: readonly MemberInfo[]): { readonly changed: readonly MemberInfo[]; readonly gone: readonly string[] } {
    const before = this.#before;
    const now = new Map(infos.map((info) => [info.name, info]));
    this.#before = now;
    return {
      changed: infos.filter((info) => differs(info, before.get(info.name))),
      gone: [...before.keys()].filter((name) => !now.has(name)),
    };
  }
}

function differs(a: MemberInfo, b: MemberInfo | undefined): boolean {
  return (
    b === undefined ||
    a.state !== b.state ||
    a.since !== b.since ||
    a.rtt !== b.rtt ||
    a.incarnation !== b.incarnation ||
    a.meta !== b.meta ||
    a.addr !== b.addr ||
    a.port !== b.port ||
    a.accusers.length !== b.accusers.length
  );
}
