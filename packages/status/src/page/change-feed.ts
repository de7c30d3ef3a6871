import { describeEvent } from "../describe-event.ts";
import type { StatusEvent } from "../document.ts";
import { byId, element, setText, toggle } from "./dom.ts";
import type { Model } from "./model.ts";

/** How many entries are shown. */
const maxShown = 200;
/** How often changes are announced to screen readers, in ms. */
const announceInterval = 3_000;

/** The changes and log lines, the newest first. */
export class ChangeFeed {
  readonly #model: Model;
  readonly #list = byId("feed");
  readonly #announcer = byId("announcer");
  readonly #items: Map<StatusEvent, HTMLElement> = new Map();
  #hasChanges = true;
  #hasLines = false;
  #unannounced: StatusEvent[] = [];
  #announcedAt = 0;

  constructor(model: Model) {
    this.#model = model;
    const change = (set: (isOn: boolean) => void) => (button: HTMLButtonElement) => {
      const isOn = button.ariaPressed !== "true";
      button.ariaPressed = String(isOn);
      set(isOn);
      this.render();
    };
    byId("kinds").append(
      toggle(
        "changes",
        this.#hasChanges,
        change((isOn) => (this.#hasChanges = isOn)),
      ),
      toggle(
        "log lines",
        this.#hasLines,
        change((isOn) => (this.#hasLines = isOn)),
      ),
    );
  }

  /** To be announced. */
  add(event: StatusEvent): void {
    if (event.type !== "log") this.#unannounced.push(event);
  }

  render(): void {
    const wanted = this.#model.events
      .filter(({ type }) => (type === "log" ? this.#hasLines : this.#hasChanges))
      .slice(-maxShown)
      .toReversed();
    const kept = new Set(wanted);
    for (const [event, item] of this.#items) {
      if (kept.has(event)) continue;
      item.remove();
      this.#items.delete(event);
    }
    for (const [i, event] of wanted.entries()) {
      let item = this.#items.get(event);
      if (item === undefined) this.#items.set(event, (item = itemOf(event)));
      if (this.#list.children[i] !== item) this.#list.insertBefore(item, this.#list.children[i] ?? null);
    }
    this.#announce();
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

function itemOf(event: StatusEvent): HTMLElement {
  const { tone, text } = describeEvent(event);
  const date = new Date(event.at);
  const time = element("time", { text: date.toLocaleTimeString(), title: date.toISOString() });
  time.dateTime = date.toISOString();
  return element("li", { class: tone }, [time, element("bdi", { text })]);
}
