import type { NodeState } from "@memberlist/core";
import type { Style } from "./text.ts";

const styles: Readonly<Record<NodeState | "forgotten", Style>> = {
  alive: "green",
  suspect: "yellow",
  dead: "red",
  left: "cyan",
  forgotten: "dim",
};

export function stateStyle(state: NodeState | "forgotten"): Style {
  return styles[state];
}
