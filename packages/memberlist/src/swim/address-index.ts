/**
 * Counts the members at each address, so that a look-up of one address does not visit all members.
 *
 * An address that is the only one of its host (the usual case) costs one entry of one map: its key is the string that the member has
 * anyway, its value the port.
 */
export class AddressIndex {
  readonly #hosts: Map<string, number | Map<number, number>> = new Map();

  add(host: string, port: number): void {
    const known = this.#hosts.get(host);
    if (known === undefined) {
      this.#hosts.set(host, port);
      return;
    }
    const ports = typeof known === "number" ? new Map([[known, 1]]) : known;
    ports.set(port, (ports.get(port) ?? 0) + 1);
    this.#hosts.set(host, ports);
  }

  /** Takes back one {@link add}. */
  delete(host: string, port: number): void {
    const known = this.#hosts.get(host);
    if (known === port) this.#hosts.delete(host);
    if (known === undefined || typeof known === "number") return;
    const count = known.get(port) ?? 0;
    if (count > 1) known.set(port, count - 1);
    else known.delete(port);
    if (known.size === 0) this.#hosts.delete(host);
  }

  has(host: string, port: number): boolean {
    const known = this.#hosts.get(host);
    return typeof known === "object" ? known.has(port) : known === port;
  }
}
