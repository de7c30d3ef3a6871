/** Returns the element of index.html with this id. */
export function byId(id: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`#${id}`);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

interface Properties {
  readonly class?: string;
  readonly text?: string;
  readonly title?: string;
}

/** Makes an element. Content is always set as text, because other members choose their names and metadata. */
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

/** Writes only a string that differs: a browser lays out each written element again. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Gives `parent` these children, in this order. It moves only children that are elsewhere: the others keep their focus and selection. */
export function setChildren(parent: Element, wanted: readonly Element[]): void {
  const kept = new Set(wanted);
  for (const child of [...parent.children].filter((one) => !kept.has(one))) child.remove();
  for (const [i, child] of wanted.entries()) {
    const current = parent.children[i];
    if (current !== child) parent.insertBefore(child, current ?? null);
  }
}

/** Gives `parent` one row for each list of strings, and writes each string into a child of its row. */
export function setRows(parent: Element, rows: readonly (readonly string[])[], makeRow: () => Element): void {
  while (parent.children.length > rows.length) parent.lastElementChild?.remove();
  for (const [i, texts] of rows.entries()) {
    const row = parent.children[i] ?? parent.appendChild(makeRow());
    for (const [column, text] of texts.entries()) {
      const cell = row.children[column];
      if (cell !== undefined) setText(cell, text);
    }
  }
}

/** Makes a button that is pressed or not. */
export function toggle(text: string, isPressed: boolean, onClick: (button: HTMLButtonElement) => void): HTMLButtonElement {
  const button = element("button", { text });
  button.type = "button";
  button.ariaPressed = String(isPressed);
  button.addEventListener("click", () => onClick(button));
  return button;
}
