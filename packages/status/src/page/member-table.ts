import type { MemberStatus } from "../document.ts";
import { metaText } from "../meta-text.ts";
import { formatDuration, readable } from "../readable.ts";
import { byId, element, setChildren, setText } from "./dom.ts";
import { ageText, select, versionText, type Sort, type SortKey } from "./member-list.ts";
import type { Model } from "./model.ts";
import { stateChoice } from "./state-choice.ts";

interface Column {
  readonly key: SortKey;
  readonly title: string;
  readonly isNumber?: boolean;
  readonly text: (member: MemberStatus, age: number) => string;
}

const columns: readonly Column[] = [
  { key: "name", title: "Name", text: ({ name }) => readable(name) },
  { key: "state", title: "State", text: ({ state }) => state },
  { key: "since", title: "Age", isNumber: true, text: (_, age) => ageText(age) },
  { key: "rtt", title: "RTT", isNumber: true, text: ({ rtt }) => (rtt === undefined ? "–" : formatDuration(rtt)) },
  { key: "address", title: "Address", text: ({ address }) => address },
  { key: "incarnation", title: "Incarnation", isNumber: true, text: ({ incarnation }) => String(incarnation) },
  { key: "versions", title: "Versions", isNumber: true, text: versionText },
  { key: "meta", title: "Metadata", text: (member) => readable(metaText(member.meta), 120) },
];

/** The number of extra rows above and below the visible ones. Without them, scrolling would show gaps. */
const overscan = 8;

interface Row {
  readonly element: HTMLTableRowElement;
  readonly button: HTMLButtonElement;
  readonly state: HTMLElement;
  readonly cells: readonly HTMLTableCellElement[];
}

/** The table of members: filtered, sorted, with rows for the visible members alone. A row belongs to a member, and keeps the focus when it moves. */
export class MemberTable {
  readonly #model: Model;
  readonly #open: (name: string) => void;
  readonly #scroller = byId("scroller");
  readonly #body = byId("rows") as HTMLTableSectionElement;
  readonly #before = spaceRow();
  readonly #after = spaceRow();
  readonly #rows: Map<string, Row> = new Map();
  readonly #headers: Map<SortKey, HTMLElement> = new Map();
  readonly #states = stateChoice(byId("states"), () => this.#changed());
  readonly #filter = byId("filter") as HTMLInputElement;
  #sort: Sort = { key: "state", isDescending: false };
  #shown: readonly MemberStatus[] = [];
  #revision = -1;
  /** The member whose row is in the tab order. */
  #current: string | undefined;

  /** @param open shows the details of a member */
  constructor(model: Model, open: (name: string) => void) {
    this.#model = model;
    this.#open = open;
    byId("columns").append(...columns.map((column) => this.#header(column)));
    this.#body.append(this.#before, this.#after);
    this.#filter.addEventListener("input", () => this.#changed());
    this.#scroller.addEventListener("scroll", () => this.#renderRows(), { passive: true });
    this.#scroller.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.#renderRows()).observe(this.#scroller);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      this.#filter.focus();
    });
  }

  render(): void {
    const { revision } = this.#model;
    if (this.#revision !== revision) {
      this.#revision = revision;
      this.#select();
    }
    this.#renderRows();
  }

  #changed(): void {
    this.#select();
    this.#scroller.scrollTop = 0;
    this.#renderRows();
  }

  #select(): void {
    const { members } = this.#model;
    this.#states.setCounts(members.values());
    const { state } = this.#states;
    this.#shown = select(members.values(), { filter: this.#filter.value.trim(), state, sort: this.#sort });
    if (this.#shown.every(({ name }) => name !== this.#current)) this.#current = this.#shown[0]?.name;
    setText(
      byId("shown"),
      this.#shown.length === members.size ? `${members.size} members` : `${this.#shown.length} of ${members.size} members`,
    );
    for (const [key, header] of this.#headers) {
      header.ariaSort = key === this.#sort.key ? (this.#sort.isDescending ? "descending" : "ascending") : null;
    }
    this.#body.closest("table")?.setAttribute("aria-rowcount", String(this.#shown.length + 1));
  }

  #renderRows(): void {
    const height = this.#rowHeight();
    const first = Math.max(0, Math.floor(this.#scroller.scrollTop / height) - overscan);
    const last = Math.min(
      this.#shown.length,
      Math.ceil((this.#scroller.scrollTop + this.#scroller.clientHeight) / height) + overscan,
    );
    const visible = this.#shown.slice(first, last);
    const now = Date.now();
    const hadFocus = this.#body.contains(document.activeElement);
    const kept = new Set(visible.map(({ name }) => name));
    for (const name of this.#rows.keys()) if (!kept.has(name)) this.#rows.delete(name);
    this.#before.style.height = `${first * height}px`;
    this.#after.style.height = `${Math.max(0, this.#shown.length - last) * height}px`;
    const rows = visible.map((member, i) => {
      const row = this.#rows.get(member.name) ?? this.#addRow(member.name);
      this.#fill(row, member, this.#model.age(member, now));
      row.element.ariaRowIndex = String(first + i + 2);
      return row.element;
    });
    setChildren(this.#body, [this.#before, ...rows, this.#after]);
    // The keys still move from the focused member if its row was scrolled away.
    if (hadFocus && !this.#body.contains(document.activeElement)) this.#scroller.focus({ preventScroll: true });
  }

  #fill(row: Row, member: MemberStatus, age: number): void {
    for (const [i, { key, text }] of columns.entries()) {
      const cell = row.cells[i];
      if (cell === undefined) continue;
      setText(key === "name" ? row.button : key === "state" ? row.state : cell, text(member, age));
    }
    const state = `state ${member.state}`;
    if (row.state.className !== state) row.state.className = state;
    row.button.tabIndex = member.name === this.#current ? 0 : -1;
  }

  #addRow(name: string): Row {
    const button = element("button");
    button.type = "button";
    button.addEventListener("click", () => this.#open(name));
    button.addEventListener("focus", () => this.#setCurrent(name));
    const state = element("span");
    const cells = columns.map(({ key, isNumber }) => {
      const children = key === "name" ? [element("bdi", {}, [button])] : key === "state" ? [state] : [];
      return element("td", { class: `c-${key}${isNumber === true ? " number" : ""}` }, children);
    });
    const row = { element: element("tr", {}, cells), button, state, cells };
    this.#rows.set(name, row);
    return row;
  }

  #setCurrent(name: string): void {
    this.#current = name;
    for (const [other, { button }] of this.#rows) button.tabIndex = other === name ? 0 : -1;
  }

  #header({ key, title, isNumber }: Column): HTMLTableCellElement {
    const button = element("button", { text: title });
    button.type = "button";
    button.addEventListener("click", () => {
      this.#sort = { key, isDescending: this.#sort.key === key && !this.#sort.isDescending };
      this.#changed();
    });
    const header = element("th", { class: `c-${key}${isNumber === true ? " number" : ""}` }, [button]);
    header.scope = "col";
    this.#headers.set(key, header);
    return header;
  }

  #onKey(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight()) - 2);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey || this.#shown.length === 0) return;
    event.preventDefault();
    const at = this.#shown.findIndex(({ name }) => name === this.#current);
    const to = Math.min(Math.max(at + move, 0), this.#shown.length - 1);
    this.#focus(to);
  }

  #focus(index: number): void {
    const { name } = this.#shown[index] ?? {};
    if (name === undefined) return;
    const height = this.#rowHeight();
    const head = this.#scroller.querySelector("thead")?.clientHeight ?? 0;
    const { scrollTop, clientHeight } = this.#scroller;
    const top = index * height;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + height + head > scrollTop + clientHeight) this.#scroller.scrollTop = top + height + head - clientHeight;
    this.#current = name;
    this.#renderRows();
    this.#rows.get(name)?.button.focus({ preventScroll: true });
  }

  #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.#scroller).getPropertyValue("--row")) || 36;
  }
}

/** Makes a row with the height of the members without a row. */
function spaceRow(): HTMLTableRowElement {
  const row = element("tr", { class: "space" });
  row.ariaHidden = "true";
  return row;
}
