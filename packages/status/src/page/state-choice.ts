import type { NodeState } from "@memberlist/core";
import type { MemberStatus } from "../document.ts";
import { setText, toggle } from "./dom.ts";
import { statesByConcern } from "./member-list.ts";

/** A button for each state, with the number of its members. Pressing it shows those members alone. */
export interface StateChoice {
  /** Undefined for members of all states. */
  readonly state: NodeState | undefined;
  setCounts(members: Iterable<MemberStatus>): void;
}

export function stateChoice(parent: HTMLElement, onChange: () => void): StateChoice {
  let chosen: NodeState | undefined;
  const choices = [undefined, ...statesByConcern];
  const buttons = choices.map((state) =>
    toggle(state ?? "all", state === undefined, () => {
      chosen = state;
      for (const [i, button] of buttons.entries()) button.ariaPressed = String(choices[i] === chosen);
      onChange();
    }),
  );
  parent.append(...buttons);
  return {
    get state(): NodeState | undefined {
      return chosen;
    },
    setCounts: (members): void => {
      const counts = new Map<NodeState | undefined, number>();
      for (const { state } of members) {
        counts.set(state, (counts.get(state) ?? 0) + 1);
        counts.set(undefined, (counts.get(undefined) ?? 0) + 1);
      }
      for (const [i, state] of choices.entries()) {
        const button = buttons[i];
        if (button !== undefined) setText(button, `${state ?? "all"} ${counts.get(state) ?? 0}`);
      }
    },
  };
}
