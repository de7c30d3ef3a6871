import { MemberlistError, type FetchedMembers, type Node } from "@memberlist/core";
import { escapeControls, pause } from "@memberlist/core/internal";
import { formatAddress } from "@memberlist/core/transport";
import { decodeMeta } from "@memberlist/status/internal";
import type { ClusterAccess } from "../cluster-options.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Filter } from "../filter.ts";
import { interruption } from "../interruption.ts";
import { metadataLine } from "../metadata.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { LiveRegion } from "../terminal/live-region.ts";
import { tableLines, type Column } from "../terminal/table.ts";
import { stateStyle } from "../terminal/states.ts";

export interface MembersRequest extends ClusterAccess {
  readonly seed: string;
  readonly filter: Filter;
  readonly json: boolean;
  /** The time between two fetches, in ms; undefined to fetch once. */
  readonly watch: number | undefined;
  /** The time limit of each fetch, in ms. */
  readonly timeout: number;
}

const columns: readonly Column<Node>[] = [
  { title: "NAME", cell: ({ name }) => escapeControls(name), keep: 0, cutTo: 8 },
  { title: "ADDRESS", cell: addressOf, keep: 0 },
  { title: "STATE", cell: ({ state }) => state, style: ({ state }) => stateStyle(state), keep: 0 },
  { title: "INCARNATION", cell: ({ incarnation }) => String(incarnation), keep: 2 },
  { title: "PROTOCOL", cell: ({ pCur, pMin, pMax }) => `${pCur} (${pMin}-${pMax})`, keep: 3 },
  { title: "DELEGATE", cell: ({ dCur, dMin, dMax }) => `${dCur} (${dMin}-${dMax})`, keep: 1 },
  { title: "METADATA", cell: ({ meta }) => metadataLine(meta), keep: 4, cutTo: 12 },
];

/** `memberlist members`: lists the members that one member knows, without joining. */
export async function showMembers(request: MembersRequest, runtime: Runtime, io: Io): Promise<number> {
  if (request.watch !== undefined) return watchMembers(request, request.watch, runtime, io);
  const begunAt = performance.now();
  const found = await fetchOnce(request, runtime, undefined);
  const shown = select(found, request.filter);
  if (request.json) io.json(toJson(found, shown));
  else for (const line of humanLines(found, shown, performance.now() - begunAt, io)) io.line(line);
  return exitCodes.ok;
}

/** Redraws the table on a terminal. Without a terminal it prints each member that has changed. */
async function watchMembers(request: MembersRequest, interval: number, runtime: Runtime, io: Io): Promise<number> {
  const stop = interruption(io);
  const live = io.isTerminal && !request.json ? new LiveRegion(io) : undefined;
  const known = new Map<string, string>();
  live?.open();
  try {
    for (let isFirst = true; !stop.aborted; isFirst = false) {
      try {
        const begunAt = performance.now();
        const found = await fetchOnce(request, runtime, stop);
        const shown = select(found, request.filter);
        if (live === undefined) for (const line of changed(shown, known)) printChange(line, request.json, io);
        else live.draw([...humanLines(found, shown, performance.now() - begunAt, io), io.paint("dim", "Ctrl-C stops")]);
      } catch (error) {
        if (stop.aborted) break;
        // The first failure is final. A later one may pass: the member may be restarting.
        if (isFirst || !(error instanceof MemberlistError)) throw error;
        if (live === undefined) io.error(error.message);
        else live.draw([io.paint("red", escapeControls(error.message)), io.paint("dim", `trying again every ${interval} ms`)]);
      }
      await pause(interval, stop);
    }
  } finally {
    live?.close();
  }
  return exitCodes.ok;
}

function fetchOnce(
  { seed, keyring, label, timeout }: MembersRequest,
  runtime: Runtime,
  signal?: AbortSignal,
): Promise<FetchedMembers> {
  return runtime.fetchMembers(seed, { keyring, label, timeout, signal });
}

/** Returns the members that match, sorted by name. */
function select({ members }: FetchedMembers, filter: Filter): readonly Node[] {
  return members.filter(filter).toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function humanLines(found: FetchedMembers, shown: readonly Node[], ms: number, io: Io): readonly string[] {
  const table = shown.length === 0 ? [] : [...tableLines(shown, columns, io.columns, io.paint), ""];
  return [...table, io.paint("dim", summary(found, shown, ms))];
}

function summary({ address, members, stateBytes, skipped }: FetchedMembers, shown: readonly Node[], ms: number): string {
  const states = (["alive", "suspect", "dead", "left"] as const)
    .map((state) => [members.filter((node) => node.state === state).length, state] as const)
    .filter(([count]) => count > 0)
    .map(([count, state]) => `${count} ${state}`);
  const parts = [
    `${members.length} ${members.length === 1 ? "member" : "members"}${states.length === 0 ? "" : `: ${states.join(", ")}`}`,
    ...(shown.length < members.length ? [`${shown.length} shown`] : []),
    ...(skipped > 0 ? [`${skipped} invalid skipped`] : []),
    ...(stateBytes > 0 ? [`${stateBytes} bytes of delegate state`] : []),
    `from ${address} in ${Math.max(1, Math.round(ms))} ms`,
  ];
  return parts.join(" · ");
}

/** Returns new and changed members, and `forgotten` for each member that has left the list. */
function changed(shown: readonly Node[], known: Map<string, string>): readonly (Node | { readonly forgotten: string })[] {
  const changes: (Node | { readonly forgotten: string })[] = [];
  for (const node of shown) {
    const key = JSON.stringify(memberJson(node));
    if (known.get(node.name) === key) continue;
    known.set(node.name, key);
    changes.push(node);
  }
  const names = new Set(shown.map(({ name }) => name));
  for (const name of known.keys()) if (!names.has(name) && known.delete(name)) changes.push({ forgotten: name });
  return changes;
}

function printChange(change: Node | { readonly forgotten: string }, json: boolean, io: Io): void {
  const at = new Date().toISOString();
  if ("forgotten" in change) {
    if (json) io.json({ at, name: change.forgotten, state: "forgotten" });
    else io.line(`${at} ${escapeControls(change.forgotten)} forgotten`);
  } else if (json) io.json({ at, ...memberJson(change) });
  else io.line([at, escapeControls(change.name), addressOf(change), change.state, metadataLine(change.meta)].join(" ").trimEnd());
}

function addressOf({ addr, port }: Node): string {
  return formatAddress({ host: addr, port });
}

function toJson({ address, stateBytes, skipped }: FetchedMembers, shown: readonly Node[]): unknown {
  return { from: address, members: shown.map(memberJson), stateBytes, skipped };
}

/** Returns a member for `--json`, with its metadata decoded and as base64. */
function memberJson(node: Node): object {
  const { name, state, incarnation, meta, pMin, pMax, pCur, dMin, dMax, dCur } = node;
  return {
    name,
    address: addressOf(node),
    state,
    incarnation,
    protocol: { min: pMin, max: pMax, current: pCur },
    delegate: { min: dMin, max: dMax, current: dCur },
    metadata: { base64: Buffer.from(meta).toString("base64"), ...decodeMeta(meta) },
  };
}
