import { MemberlistError, type Node } from "@memberlist/core";
import { escapeControls, isIp, pause, type PacketVisitor } from "@memberlist/core/internal";
import { formatAddress, parseAddress, type Address } from "@memberlist/core/transport";
import type { ClusterAccess } from "../cluster-options.ts";
import { exitCodes } from "../exit-codes.ts";
import { interruption } from "../interruption.ts";
import { inParallel } from "../parallel.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { tableLines, type Column } from "../terminal/table.ts";
import { rounded } from "../terminal/text.ts";
import { addressOf, presentMembers, visiting } from "../visit.ts";

export interface PingRequest extends ClusterAccess {
  /** The address of the node to ping, or of the member that lists the nodes to ping. */
  readonly address: string;
  readonly count: number;
  /** The time between two pings, in ms. */
  readonly interval: number;
  readonly json: boolean;
}

/** Round-trip times in ms; undefined for a ping without an ack. */
type Times = readonly (number | undefined)[];

const answerTime = 2_000;

/** `memberlist ping`: pings one node. */
export async function pingOne(request: PingRequest, runtime: Runtime, io: Io): Promise<number> {
  const { host, port, name } = parseAddress(request.address, 7946);
  const stop = interruption(io);
  const ip = isIp(host) ? host : await resolve(host, runtime);
  const to = { host: ip, port, name };
  const times = await visiting([ip], request, runtime, ({ pinger }) =>
    pings(pinger, to, request, stop, (rtt, i) => {
      if (!request.json)
        io.line(rtt === undefined ? `no answer to ping ${i + 1}` : `answer from ${formatAddress(to)} in ${ms(rtt)}`);
    }),
  );
  if (request.json) io.json({ address: formatAddress(to), ...statistics(times) });
  else {
    io.line(summary(times));
    if (times.length > 0 && times.every((rtt) => rtt === undefined)) {
      io.note(
        `a node with another key, label or name does not answer either: memberlist doctor ${formatAddress(to)} finds the cause`,
      );
    }
  }
  return exitCodeFor(
    times.some((rtt) => rtt !== undefined),
    stop,
  );
}

/** `memberlist rtt`: pings all members. */
export async function pingAll(request: PingRequest, runtime: Runtime, io: Io): Promise<number> {
  const { keyring, label, address } = request;
  const { members } = await runtime.fetchMembers(address, { keyring, label });
  const present = presentMembers(members);
  const stop = interruption(io);
  const rows = await visiting(
    present.map(({ addr }) => addr),
    request,
    runtime,
    ({ pinger }) =>
      inParallel(present, 64, async (node) => ({ node, ...statistics(await pings(pinger, addressOf(node), request, stop)) })),
  );
  if (request.json)
    for (const { node, ...row } of rows) io.json({ name: node.name, address: formatAddress(addressOf(node)), ...row });
  else for (const line of tableLines(rows, rttColumns, io.columns, io.paint)) io.line(line);
  return exitCodeFor(
    rows.every(({ answered }) => answered > 0),
    stop,
  );
}

/** An interrupted command without all acks does not know whether the missing ones would have come. */
function exitCodeFor(isAnswered: boolean, { aborted }: AbortSignal): number {
  return isAnswered ? exitCodes.ok : aborted ? exitCodes.interrupted : exitCodes.unreachable;
}

interface Row extends Statistics {
  readonly node: Node;
}

const rttColumns: readonly Column<Row>[] = [
  { title: "NAME", cell: ({ node }) => escapeControls(node.name), keep: 0, cutTo: 8 },
  { title: "ADDRESS", cell: ({ node }) => formatAddress(addressOf(node)), keep: 1 },
  { title: "MIN", cell: ({ min }) => ms(min), keep: 2 },
  { title: "AVERAGE", cell: ({ average }) => ms(average), keep: 0 },
  { title: "MAX", cell: ({ max }) => ms(max), keep: 3 },
  {
    title: "LOST",
    cell: ({ sent, answered }) => `${sent - answered} of ${sent}`,
    style: ({ sent, answered }) => (answered < sent ? "red" : undefined),
    keep: 0,
  },
];

async function pings(
  pinger: PacketVisitor,
  to: Address,
  { count, interval }: PingRequest,
  stop: AbortSignal,
  onResult: (rtt: number | undefined, i: number) => void = () => undefined,
): Promise<Times> {
  const times: (number | undefined)[] = [];
  for (let i = 0; i < count && !stop.aborted; i++) {
    if (i > 0) await pause(interval, stop);
    if (stop.aborted) break;
    const rtt = await pinger.ping(to, answerTime);
    times.push(rtt);
    onResult(rtt, i);
  }
  return times;
}

interface Statistics {
  readonly sent: number;
  readonly answered: number;
  /** In ms; null without an ack. */
  readonly min: number | null;
  readonly average: number | null;
  readonly max: number | null;
}

function statistics(times: Times): Statistics {
  const answers = times.filter((rtt) => rtt !== undefined);
  const base = { sent: times.length, answered: answers.length };
  if (answers.length === 0) return { ...base, min: null, average: null, max: null };
  const average = answers.reduce((sum, rtt) => sum + rtt, 0) / answers.length;
  return { ...base, min: rounded(Math.min(...answers)), average: rounded(average), max: rounded(Math.max(...answers)) };
}

function summary(times: Times): string {
  const { sent, answered, min, average, max } = statistics(times);
  const lost = `${answered} of ${sent} answered`;
  return answered === 0 ? lost : `${lost}; min ${ms(min)}, average ${ms(average)}, max ${ms(max)}`;
}

function ms(value: number | null): string {
  return value === null ? "-" : `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
}

async function resolve(host: string, runtime: Runtime): Promise<string> {
  const transport = await runtime.bind("127.0.0.1");
  try {
    const [ip] = (await transport.resolve?.(host, { dnsConfigPath: "", timeout: 5_000 })) ?? [];
    if (ip === undefined) throw new MemberlistError("resolve_failed", `${host} has no address`);
    return ip;
  } finally {
    await transport.shutdown();
  }
}
