/** The element of this id in index.html. */
export function byId(id: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`#${id}`);
  if (found === null) throw new Error(`there is no #${id}`);
  return found;
}

interface Properties {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
}

/** A new element. Content only ever comes in as text: names and metadata are written by strangers. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  children: readonly Node[] = [],
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (properties.class !== undefined) made.className = properties.class;
  if (properties.text !== undefined) made.textContent = properties.text;
  if (properties.title !== undefined) made.title = properties.title;
  made.append(...children);
  return made;
}

export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>>,
  text?: string,
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Writes only what changed: a browser lays out again what is written. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** A button that is pressed or not. */
export function toggle(text: string, isPressed: boolean, onClick: (button: HTMLButtonElement) => void): HTMLButtonElement {
  const button = element("button", { text });
  button.type = "button";
  button.ariaPressed = String(isPressed);
  button.addEventListener("click", () => onClick(button));
  return button;
}
