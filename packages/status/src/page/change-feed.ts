import { describeEvent } from "../describe-event.ts";
import type { StatusEvent } from "../document.ts";
import { byId, element, setChildren, setText, toggle } from "./dom.ts";
import type { Model } from "./model.ts";

/** The number of shown entries. */
const maxShown = 200;
/** The shortest time between two announcements to screen readers, in ms. */
const announceInterval = 3_000;

type Kind = "changes" | "log lines";

/** The changes and log lines, the newest first. */
export class ChangeFeed {
  readonly #model: Model;
  readonly #list = byId("feed");
  readonly #announcer = byId("announcer");
  readonly #items: WeakMap<StatusEvent, HTMLElement> = new WeakMap();
  readonly #shown: Set<Kind> = new Set(["changes"]);
  #unannounced: StatusEvent[] = [];
  #announcedAt = 0;

  constructor(model: Model) {
    this.#model = model;
    for (const kind of ["changes", "log lines"] as const) byId("kinds").append(this.#toggle(kind));
  }

  /** Announces a change at one of the next calls of {@link render}. */
  add(event: StatusEvent): void {
    if (event.type !== "log") this.#unannounced.push(event);
  }

  render(): void {
    const events = this.#model.events.filter(({ type }) => this.#shown.has(type === "log" ? "log lines" : "changes"));
    const items = events.slice(-maxShown).map((event) => this.#itemOf(event));
    setChildren(this.#list, items.toReversed());
    this.#announce();
  }

  #toggle(kind: Kind): HTMLButtonElement {
    return toggle(kind, this.#shown.has(kind), (button) => {
      if (!this.#shown.delete(kind)) this.#shown.add(kind);
      button.ariaPressed = String(this.#shown.has(kind));
      this.render();
    });
  }

  #itemOf(event: StatusEvent): HTMLElement {
    const item = this.#items.get(event) ?? makeItem(event);
    this.#items.set(event, item);
    return item;
  }

  #announce(): void {
    const [first] = this.#unannounced;
    const now = Date.now();
    if (first === undefined || now - this.#announcedAt < announceInterval) return;
    const others = this.#unannounced.length - 1;
    setText(this.#announcer, `${describeEvent(first).text}${others > 0 ? `, and ${others} more changes` : ""}`);
    this.#announcedAt = now;
    this.#unannounced = [];
  }
}

function makeItem(event: StatusEvent): HTMLElement {
  const { tone, text } = describeEvent(event);
  const date = new Date(event.at);
  const time = element("time", { text: date.toLocaleTimeString(), title: date.toISOString() });
  time.dateTime = date.toISOString();
  return element("li", { class: tone }, [time, element("bdi", { text })]);
}
