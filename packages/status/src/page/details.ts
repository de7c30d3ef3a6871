import { describeCause } from "../describe-event.ts";
import type { MemberStatus } from "../document.ts";
import { metaText } from "../meta-text.ts";
import { formatDuration, readable } from "../readable.ts";
import { byId, element, setRows, setText } from "./dom.ts";
import { ageText } from "./member-list.ts";
import type { Model } from "./model.ts";

type Fact = readonly [title: string, text: string, isCode?: boolean];

/** The details of one member, in a dialog that follows its changes. */
export class Details {
  readonly #model: Model;
  readonly #dialog = byId("details") as HTMLDialogElement;
  readonly #list = byId("details-facts");
  #name: string | undefined;

  constructor(model: Model) {
    this.#model = model;
    byId("details-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener("close", () => (this.#name = undefined));
  }

  open(name: string): void {
    this.#name = name;
    this.render();
    this.#dialog.showModal();
  }

  render(): void {
    if (this.#name === undefined) return;
    setText(byId("details-title"), readable(this.#name, 4_096));
    const member = this.#model.members.get(this.#name);
    const facts: readonly Fact[] =
      member === undefined ? [["State", "forgotten"]] : factsOf(member, this.#model.age(member, Date.now()));
    const rows = facts.map(([title, text]) => [title, text]);
    setRows(this.#list, rows, () => element("div", {}, [element("dt"), element("dd")]));
    for (const [i, [, , isCode = false]] of facts.entries()) this.#list.children[i]?.classList.toggle("code", isCode);
  }
}

function factsOf(member: MemberStatus, age: number): Fact[] {
  const { state, since, cause, accusers, address, rtt, incarnation, protocol, delegateProtocol } = member;
  const versions = ([min, max, current]: readonly [number, number, number]): string => `${current} (accepts ${min} to ${max})`;
  return [
    ["State", `${state} since ${new Date(since).toLocaleString()} (${ageText(age)})`],
    ...(cause === undefined ? [] : [["Cause", describeCause(cause)] as const]),
    ...(accusers.length === 0 ? [] : [["Accused by", namesText(accusers)] as const]),
    ["Address", address],
    ["RTT", rtt === undefined ? "not measured" : formatDuration(rtt)],
    ["Incarnation", String(incarnation)],
    ["Protocol", versions(protocol)],
    ["Delegate", versions(delegateProtocol)],
    ...metaFacts(member),
  ];
}

function namesText(names: readonly string[]): string {
  return names
    .slice(0, 50)
    .map((name) => readable(name, 60))
    .join(", ");
}

function metaFacts(member: MemberStatus): Fact[] {
  const { meta } = member;
  switch (meta.format) {
    case "empty":
      return [["Metadata", "none"]];
    case "json":
      return [["Metadata (JSON)", lines(JSON.stringify(meta.value, undefined, 2)), true]];
    case "tags":
      return Object.entries(meta.tags).map(([key, value]) => [`Tag ${readable(key, 60)}`, readable(value, 512)]);
    case "text":
      return [["Metadata", lines(meta.text), true]];
    default:
      return [["Metadata", metaText(meta), true]];
  }
}

/** Keeps line breaks, and escapes other invisible characters. */
function lines(text: string): string {
  return text
    .split("\n")
    .map((line) => readable(line, 4_096))
    .join("\n");
}
