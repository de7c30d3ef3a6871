type Plain = string | number | boolean | bigint | null | undefined;

/** Whether an error may carry the value itself. */
export function isPlain(value: unknown): value is Plain {
  return value === null || ["string", "number", "boolean", "undefined", "bigint"].includes(typeof value);
}

/** A wrong value for the message of an error, of bounded length. */
export function describe(value: unknown): string {
  if (typeof value === "string")
    return value.length <= 80 ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, 80))}… (${value.length} characters)`;
  if (isPlain(value)) return value === undefined ? "missing" : String(value);
  if (value instanceof Uint8Array) return `a Uint8Array of ${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}${describeItems(value)}`;
  return typeof value === "object" && value !== null ? `an object${describeProperties(value)}` : `a ${typeof value}`;
}

/** A value of which no error may show anything but its kind. */
export function describeSecret(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes (not shown)`;
  return `of type ${value === null ? "null" : typeof value} (not shown)`;
}

/** Shows which property is wrong. Strings are left out: they might be secrets of the application's own objects. */
function describeProperties(value: object): string {
  const properties = Object.entries(value);
  if (properties.length === 0) return "";
  const shown = properties.slice(0, 20).map(([name, property]) => `${name}: ${describeProperty(property)}`);
  return ` with ${shown.join(", ")}${properties.length > 20 ? ", …" : ""}`;
}

function describeProperty(value: unknown): string {
  if (typeof value === "string") return "a string";
  return isPlain(value) ? String(value) : `a ${typeof value}`;
}

/** Lists are of CIDRs or of states, which are not secret: shows which entry is wrong. */
function describeItems(items: readonly unknown[]): string {
  const shown = items
    .slice(0, 20)
    .map((item) => (typeof item === "string" ? JSON.stringify(item.slice(0, 80)) : `a ${typeof item}`));
  return items.length === 0 ? "" : `: ${shown.join(", ")}${items.length > 20 ? ", …" : ""}`;
}
