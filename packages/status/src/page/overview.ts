import { formatBytes, readable } from "../readable.ts";
import { byId, element, setRows, setText } from "./dom.ts";
import type { Model } from "./model.ts";

/** Shows the node, its health score and its queues. */
export function renderOverview({ latest, healthScoreMax, protocolVersion }: Model): void {
  if (latest === undefined) return;
  const { node, queues } = latest;
  const name = readable(node.name);
  setText(byId("node-name"), name);
  document.title = `${name} – memberlist`;
  const state = byId("node-state");
  setText(state, node.state);
  state.className = `state ${node.state}`;
  state.hidden = false;
  const facts = [
    node.address,
    node.label === "" ? "no label" : `label ${readable(node.label)}`,
    node.encrypted ? "encrypted" : "not encrypted",
    `incarnation ${node.incarnation}`,
    `protocol version ${protocolVersion}`,
  ];
  setText(byId("node-facts"), facts.join(" · "));
  setText(byId("health-score"), `${node.healthScore} of ${healthScoreMax}`);
  setText(
    byId("health-note"),
    node.healthScore === 0 ? "healthy" : `an unanswered probe takes ${node.healthScore + 1} times as long`,
  );
  setText(byId("queue-membership"), String(queues.membership));
  setText(byId("queue-user"), String(queues.user));
  setText(byId("queue-user-bytes"), `of the application, ${formatBytes(queues.userBytes)}`);
  setText(byId("queue-received"), String(queues.received));
}

/** Shows the counters of drops, refusals and failures, the highest first. */
export function renderCounters({ latest, firstCounters = {} }: Model): void {
  if (latest === undefined) return;
  const counters = Object.entries(latest.counters)
    .filter(([, count]) => count > 0)
    .sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
  setText(byId("drops-note"), counters.length === 0 ? "No drops and no failures so far." : "");
  const rows = counters.map(([name, count]) => [name, String(count), `+${count - (firstCounters[name] ?? 0)}`]);
  setRows(byId("counters"), rows, () =>
    element("tr", {}, [element("td"), element("td", { class: "number" }), element("td", { class: "number" })]),
  );
}
