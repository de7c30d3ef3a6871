import type { Node } from "@memberlist/core";
import type { Finding } from "./finding.ts";

type Kind = "protocol" | "delegate protocol";

interface Range {
  readonly min: number;
  readonly max: number;
  readonly current: number;
}

/** Finds members with other versions than the majority. */
export function diagnoseVersions(nodes: readonly Node[]): readonly Finding[] {
  return [
    ...diagnoseKind(nodes, "protocol", ({ pMin, pMax, pCur }) => ({ min: pMin, max: pMax, current: pCur })),
    ...diagnoseKind(nodes, "delegate protocol", ({ dMin, dMax, dCur }) => ({ min: dMin, max: dMax, current: dCur })),
  ];
}

function diagnoseKind(nodes: readonly Node[], kind: Kind, rangeOf: (node: Node) => Range): readonly Finding[] {
  const groups = new Map<number, Node[]>();
  for (const node of nodes) {
    const { current } = rangeOf(node);
    groups.set(current, [...(groups.get(current) ?? []), node]);
  }
  if (groups.size < 2) return [];
  const [[usual], ...others] = [...groups].toSorted(([, a], [, b]) => b.length - a.length) as [[number], ...[number, Node[]][]];
  return others.map(([version, members]) => {
    const names = members.map(({ name }) => name);
    const refusing = nodes.filter((node) => {
      const { min, max } = rangeOf(node);
      return version < min || version > max;
    });
    const isRefused = refusing.length > 0;
    const fields = kind === "protocol" ? "protocolVersion (Go: ProtocolVersion)" : "delegateProtocolVersion and its range";
    const most = `most members speak ${usual}`;
    return {
      code: isRefused ? "version_incompatible" : "version_differs",
      severity: isRefused ? "error" : "warning",
      about: names,
      message: isRefused
        ? `${names.join(", ")} speaks ${kind} version ${version}, which ${refusing
            .map(({ name }) => name)
            .slice(0, 5)
            .join(", ")} does not accept; ${most}`
        : `${names.join(", ")} speaks ${kind} version ${version}; ${most}`,
      advice: `set ${fields} to the same value on all members; during an upgrade, raise it after all members accept the new one`,
    };
  });
}
