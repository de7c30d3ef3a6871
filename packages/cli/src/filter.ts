import type { Node, NodeState } from "@memberlist/core";
import { formatAddress } from "@memberlist/core/transport";
import { UsageError } from "./exit-codes.ts";
import { metadataFields } from "./metadata.ts";

/** Returns whether to show a member. */
export type Filter = (node: Node) => boolean;

const states: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/**
 * Makes a filter for the members that match every expression: `state=alive`, `name=web-*`, `address=10.0.*`, `role=db` (a tag of Serf or Consul, or a field
 * of JSON metadata), or a pattern alone for the name. `*` matches any characters; `!=` means "not".
 *
 * @throws UsageError
 */
export function parseFilters(expressions: readonly string[]): Filter {
  const filters = expressions.map(parseFilter);
  return (node) => filters.every((matches) => matches(node));
}

function parseFilter(expression: string): Filter {
  const found = /^(?:([^=!]+)(!?=))?(.*)$/su.exec(expression);
  const [, field = "name", operator = "=", pattern = ""] = found ?? [];
  if (pattern === "" && operator === "=" && found?.[1] === undefined) throw new UsageError("--filter: the expression is empty");
  const regex = wildcard(pattern);
  if (field === "state" && !states.some((state) => regex.test(state))) {
    throw new UsageError(`--filter: ${expression} matches no state; the states are ${states.join(", ")}`);
  }
  return (node) => regex.test(valueOf(node, field)) === (operator === "=");
}

function valueOf(node: Node, field: string): string {
  switch (field) {
    case "name":
      return node.name;
    case "state":
      return node.state;
    case "address":
      return formatAddress({ host: node.addr, port: node.port });
    default: {
      const value = metadataFields(node.meta)[field];
      return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    }
  }
}

function wildcard(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/gu, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "su");
}
