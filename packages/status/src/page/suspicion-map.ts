import type { MemberStatus } from "../document.ts";
import { readable } from "../readable.ts";
import { byId, setText, svgElement } from "./dom.ts";
import type { Model } from "./model.ts";

/** A member suspects another, or suspected it before its death. */
interface Suspicion {
  readonly accuser: string;
  readonly accused: string;
  readonly isPast: boolean;
}

/** The number of members that are drawn on each side, at most. */
const maxSide = 24;
/** How long the map shows a death, in ms. A suspicion alone lasts a few seconds, too short to look at. */
const keepDeaths = 300_000;
const lineHeight = 26;
const maxWidth = 560;
/** The approximate width of a character. */
const characterWidth = 8;

/** A line from each accuser on the left to its suspect, or to a member that died in the last minutes, on the right. */
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

/** Returns the suspicions of a member that is suspect or recently died. */
function suspicionsOf(member: MemberStatus, age: number): Suspicion[] {
  const { name, state, cause, accusers } = member;
  if (state === "suspect") return accusers.map((accuser) => ({ accuser, accused: name, isPast: false }));
  if (state !== "dead" || age > keepDeaths || cause === undefined) return [];
  if (cause.code === "suspicion_timeout") return cause.accusers.map((accuser) => ({ accuser, accused: name, isPast: true }));
  return cause.code === "declared_dead" ? [{ accuser: cause.from, accused: name, isPast: true }] : [];
}

function noteOf(suspicions: readonly Suspicion[]): string {
  const dead = deadOf(suspicions);
  const suspects = new Set(suspicions.map(({ accused }) => accused)).size - dead.size;
  return `${suspects} suspect now (solid lines), ${dead.size} declared dead in the last five minutes (dashed lines).`;
}

function deadOf(suspicions: readonly Suspicion[]): ReadonlySet<string> {
  return new Set(suspicions.flatMap(({ accused, isPast }) => (isPast ? [accused] : [])));
}

function draw(suspicions: readonly Suspicion[], width: number): SVGElement {
  const accusers = [...new Set(suspicions.map(({ accuser }) => accuser))];
  const accused = [...new Set(suspicions.map((one) => one.accused))];
  const height = (Math.min(Math.max(accusers.length, accused.length), maxSide) + 1) * lineHeight;
  const sentences = suspicions.slice(0, 10).map((one) => `${readable(one.accuser, 60)} accuses ${readable(one.accused, 60)}`);
  const svg = svgElement("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    role: "img",
    "aria-label": sentences.join("; "),
  });
  const [left, right] = [width * 0.38, width * 0.62];
  for (const one of suspicions) {
    const [from, to] = [accusers.indexOf(one.accuser), accused.indexOf(one.accused)];
    if (from >= maxSide || to >= maxSide) continue;
    const ends = { x1: left + 8, y1: yOf(from), x2: right - 8, y2: yOf(to) };
    svg.append(svgElement("line", { ...ends, ...(one.isPast ? { class: "past" } : {}) }));
  }
  const dead = deadOf(suspicions);
  const most = Math.max(Math.floor((left - 12) / characterWidth), 3);
  svg.append(...sideOf(accusers, { x: left, textX: left - 12, anchor: "end", most, classOf: () => "accuser" }));
  const classOf = (name: string): string => (dead.has(name) ? "dead" : "suspect");
  svg.append(...sideOf(accused, { x: right, textX: right + 12, anchor: "start", most, classOf }));
  return svg;
}

interface SideOptions {
  readonly x: number;
  readonly textX: number;
  readonly anchor: "start" | "end";
  /** The number of characters of a name, at most. */
  readonly most: number;
  readonly classOf: (name: string) => string;
}

/** Draws a circle and a name for each member of a side, and the number of members that are left out. */
function sideOf(names: readonly string[], { x, textX, anchor, most, classOf }: SideOptions): SVGElement[] {
  const elements = names
    .slice(0, maxSide)
    .flatMap((name, i) => [
      svgElement("circle", { cx: x, cy: yOf(i), r: 5, class: classOf(name) }),
      svgElement("text", { x: textX, y: yOf(i) + 4, "text-anchor": anchor }, readable(name, most)),
    ]);
  if (names.length <= maxSide) return elements;
  const more = `and ${names.length - maxSide} more`;
  return [...elements, svgElement("text", { x: textX, y: yOf(maxSide) + 4, "text-anchor": anchor }, more)];
}

function yOf(index: number): number {
  return index * lineHeight + lineHeight / 2;
}
