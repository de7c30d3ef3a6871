import type { MemberStatus } from "../document.ts";
import { readable } from "../readable.ts";
import { byId, setText, svgElement } from "./dom.ts";
import type { Model } from "./model.ts";

/** An accusation, of now or of a death. */
interface Suspicion {
  readonly accuser: string;
  readonly accused: string;
  readonly isPast: boolean;
}

/** How many members are drawn on a side. */
const maxSide = 24;
/** How long a death stays in the map, in ms: a suspicion lasts seconds, too short to look at. */
const keepDeaths = 300_000;
const lineHeight = 26;
const maxWidth = 560;
/** About the width of a character. */
const characterWidth = 8;

/** Who suspects whom: accusers on the left, suspects and the dead of the last minutes on the right. */
export class SuspicionMap {
  readonly #model: Model;
  readonly #box = byId("suspicions-map");
  readonly #note = byId("suspicions-note");
  #drawn = "";

  constructor(model: Model) {
    this.#model = model;
  }

  render(): void {
    const now = Date.now();
    const suspicions = [...this.#model.members.values()].flatMap((member) => suspicionsOf(member, this.#model.age(member, now)));
    const key = JSON.stringify(suspicions);
    if (key === this.#drawn) return;
    this.#drawn = key;
    setText(this.#note, suspicions.length === 0 ? "No member suspects another." : noteOf(suspicions));
    this.#box.replaceChildren(...(suspicions.length === 0 ? [] : [draw(suspicions, Math.min(this.#box.clientWidth, maxWidth))]));
  }
}

/** Who accuses a member that is suspect, or did before it died. */
function suspicionsOf(member: MemberStatus, age: number): Suspicion[] {
  const { name, state, cause, accusers } = member;
  if (state === "suspect") return accusers.map((accuser) => ({ accuser, accused: name, isPast: false }));
  if (state !== "dead" || age > keepDeaths || cause === undefined) return [];
  if (cause.code === "suspicion_timeout") return cause.accusers.map((accuser) => ({ accuser, accused: name, isPast: true }));
  return cause.code === "declared_dead" ? [{ accuser: cause.from, accused: name, isPast: true }] : [];
}

function noteOf(suspicions: readonly Suspicion[]): string {
  const suspects = new Set(suspicions.filter(({ isPast }) => !isPast).map(({ accused }) => accused)).size;
  const dead = new Set(suspicions.filter(({ isPast }) => isPast).map(({ accused }) => accused)).size;
  return `${suspects} suspect now (solid lines), ${dead} declared dead in the last five minutes (dashed lines).`;
}

function draw(suspicions: readonly Suspicion[], width: number): SVGElement {
  const accusers = sideOf(suspicions, ({ accuser }) => accuser);
  const accused = sideOf(suspicions, ({ accused }) => accused);
  const height = Math.max(accusers.shown.length, accused.shown.length) * lineHeight + lineHeight;
  const sentences = suspicions.slice(0, 10).map((one) => `${readable(one.accuser, 60)} accuses ${readable(one.accused, 60)}`);
  const svg = svgElement("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    role: "img",
    "aria-label": sentences.join("; "),
  });
  const [left, right] = [width * 0.38, width * 0.62];
  const most = Math.max(Math.floor((left - 12) / characterWidth), 3);
  const yOf = (index: number): number => index * lineHeight + lineHeight / 2;
  for (const { accuser, accused: name, isPast } of suspicions) {
    const [from, to] = [accusers.shown.indexOf(accuser), accused.shown.indexOf(name)];
    if (from < 0 || to < 0) continue;
    svg.append(
      svgElement("line", { x1: left + 8, y1: yOf(from), x2: right - 8, y2: yOf(to), ...(isPast ? { class: "past" } : {}) }),
    );
  }
  const past = new Set(suspicions.filter(({ isPast }) => isPast).map((one) => one.accused));
  for (const [i, name] of accusers.shown.entries()) {
    svg.append(svgElement("circle", { cx: left, cy: yOf(i), r: 5, class: "accuser" }));
    svg.append(svgElement("text", { x: left - 12, y: yOf(i) + 4, "text-anchor": "end" }, readable(name, most)));
  }
  for (const [i, name] of accused.shown.entries()) {
    svg.append(svgElement("circle", { cx: right, cy: yOf(i), r: 5, class: past.has(name) ? "dead" : "suspect" }));
    svg.append(svgElement("text", { x: right + 12, y: yOf(i) + 4 }, readable(name, most)));
  }
  for (const [side, x, anchor] of [
    [accusers, left, "end"],
    [accused, right, "start"],
  ] as const) {
    if (side.more === 0) continue;
    svg.append(svgElement("text", { x, y: yOf(maxSide) + 4, "text-anchor": anchor }, `and ${side.more} more`));
  }
  return svg;
}

function sideOf(
  suspicions: readonly Suspicion[],
  nameOf: (suspicion: Suspicion) => string,
): { readonly shown: readonly string[]; readonly more: number } {
  const names = [...new Set(suspicions.map(nameOf))];
  return { shown: names.slice(0, maxSide), more: Math.max(0, names.length - maxSide) };
}
