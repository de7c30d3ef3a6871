/** A counter only rises. A gauge has a value that goes up and down. A sample is one value of a distribution. */
export type MetricKind = "counter" | "gauge" | "sample";

/** What a value counts or measures. */
export type MetricUnit =
  | "attempts"
  | "bytes"
  | "members"
  | "messages"
  | "ms"
  | "probes"
  | "score"
  | "streams"
  | "suspicions"
  | "times";

/** A metric as it stands in the table. */
interface Entry<Kind extends MetricKind> {
  /** Counter, gauge or sample. */
  readonly kind: Kind;
  /** The unit of its values. */
  readonly unit: MetricUnit;
  /** One sentence for people. */
  readonly help: string;
  /** The labels that it has besides those of `config.metricLabels`. */
  readonly labels: readonly string[];
}

/**
 * The metrics that a member reports, by name. Those that the Go library has, too, have its names and its units. The types of the names
 * come from here; only who describes metrics to a collector needs the table itself.
 */
const table = {
  "memberlist.health.score": {
    kind: "gauge",
    unit: "score",
    help: "The member's health score: 0 is healthy; an unanswered probe takes (score + 1) times as long.",
    labels: [],
  } as Entry<"gauge">,
  "memberlist.node.instances": {
    kind: "gauge",
    unit: "members",
    help: "How many members this member knows, itself included, by state.",
    labels: ["node_state"],
  } as Entry<"gauge">,
  "memberlist.msg.alive": {
    kind: "counter",
    unit: "messages",
    help: "Alive messages that changed the member list.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.msg.suspect": {
    kind: "counter",
    unit: "messages",
    help: "Suspicions that this member took over or raised.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.msg.dead": {
    kind: "counter",
    unit: "messages",
    help: "Members that were declared dead or left.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.degraded.probe": {
    kind: "counter",
    unit: "probes",
    help: "Probes with a longer interval because of the health score.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.degraded.timeout": {
    kind: "counter",
    unit: "suspicions",
    help: "Suspicions that timed out with fewer confirmations than wanted.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.probeNode": {
    kind: "sample",
    unit: "ms",
    help: "How long a probe took, from the ping to its result.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.probe.rtt": {
    kind: "sample",
    unit: "ms",
    help: "Round-trip time of a probe that was answered directly.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.probe.stream_only": {
    kind: "counter",
    unit: "probes",
    help: "Probes that were answered over TCP and not over UDP.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.gossip": {
    kind: "sample",
    unit: "ms",
    help: "How long a round of gossip took, sending included.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.pushPullNode": {
    kind: "sample",
    unit: "ms",
    help: "How long a push/pull that this member began took, failed ones included.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.size.local": {
    kind: "gauge",
    unit: "bytes",
    help: "Size of the last state that this member encoded for a push/pull, before compression and encryption.",
    labels: [],
  } as Entry<"gauge">,
  "memberlist.size.remote": {
    kind: "sample",
    unit: "bytes",
    help: "Size of an encrypted message that arrived over a stream.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.queue.broadcasts": {
    kind: "sample",
    unit: "messages",
    help: "Queued membership broadcasts, measured every queueCheckInterval.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.queue.user_broadcasts": {
    kind: "sample",
    unit: "messages",
    help: "Queued user broadcasts, measured every queueCheckInterval.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.queue.handoff": {
    kind: "sample",
    unit: "messages",
    help: "The most received messages that waited at once within a queueCheckInterval.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.timer.late": {
    kind: "sample",
    unit: "ms",
    help: "How late the member's timer fired: the lag of the event loop.",
    labels: [],
  } as Entry<"sample">,
  "memberlist.event_loop_blocked": {
    kind: "counter",
    unit: "times",
    help: "Times that the event loop was blocked for probeTimeout or longer.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.udp.sent": { kind: "counter", unit: "bytes", help: "Bytes of sent packets.", labels: [] } as Entry<"counter">,
  "memberlist.udp.received": {
    kind: "counter",
    unit: "bytes",
    help: "Bytes of received packets.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.tcp.sent": {
    kind: "counter",
    unit: "bytes",
    help: "Bytes of messages that were sent over streams.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.tcp.received": {
    kind: "counter",
    unit: "bytes",
    help: "Bytes that were received over streams.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.tcp.accept": {
    kind: "counter",
    unit: "streams",
    help: "Streams that peers opened.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.tcp.connect": {
    kind: "counter",
    unit: "streams",
    help: "Streams that this member opened for push/pulls.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.dropped": {
    kind: "counter",
    unit: "messages",
    help: "Packets, messages, nodes and events that were dropped or refused, by reason.",
    labels: ["reason"],
  } as Entry<"counter">,
  "memberlist.stream_dropped": {
    kind: "counter",
    unit: "streams",
    help: "Inbound streams that were dropped, by reason.",
    labels: ["reason"],
  } as Entry<"counter">,
  "memberlist.broadcast_dropped": {
    kind: "counter",
    unit: "messages",
    help: "Messages of broadcast() that were dropped or refused, by reason.",
    labels: ["reason"],
  } as Entry<"counter">,
  "memberlist.limit": {
    kind: "counter",
    unit: "times",
    help: "Times that a limit of the config refused something, by the limit's name.",
    labels: ["limit"],
  } as Entry<"counter">,
  "memberlist.transport": {
    kind: "gauge",
    unit: "times",
    help: "The transport's counters, such as dropped packets and refused streams, by name; read every queueCheckInterval.",
    labels: ["counter"],
  } as Entry<"gauge">,
  "memberlist.healing": {
    kind: "counter",
    unit: "attempts",
    help: "Attempts to reconnect to a lost member or a seed: reached or failed.",
    labels: ["result"],
  } as Entry<"counter">,
  "memberlist.send_failed": {
    kind: "counter",
    unit: "messages",
    help: "Messages whose packet the network refused.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.push_pull_failed": {
    kind: "counter",
    unit: "times",
    help: "Periodic push/pulls that failed.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.delegate_failed": {
    kind: "counter",
    unit: "times",
    help: "Calls of a delegate that threw, rejected, or returned the wrong kind of value.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.select_nodes_failed": {
    kind: "counter",
    unit: "times",
    help: "Calls of selectNodes that threw, or chose nobody.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.key_limit_reached": {
    kind: "counter",
    unit: "times",
    help: "Primary keys that reached their usage limit.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.address_lost": {
    kind: "counter",
    unit: "times",
    help: "Times that the machine lost the advertised address.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.advertise_address_failed": {
    kind: "counter",
    unit: "times",
    help: "Calls of the advertiseAddr function that failed.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.rejoin_failed": {
    kind: "counter",
    unit: "times",
    help: "Restarts after which no saved member was reached.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.store_load_failed": {
    kind: "counter",
    unit: "times",
    help: "Times that the saved state could not be read.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.store_save_failed": {
    kind: "counter",
    unit: "times",
    help: "Times that the state could not be saved.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.thread_failed": {
    kind: "counter",
    unit: "times",
    help: "Times that the member's thread ended, or did not start.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.store_corrupted": {
    kind: "counter",
    unit: "times",
    help: "Saved states that were damaged.",
    labels: [],
  } as Entry<"counter">,
  "memberlist.store_foreign": {
    kind: "counter",
    unit: "times",
    help: "Saved states that belonged to another member.",
    labels: [],
  } as Entry<"counter">,
};

/** The name of a metric. */
export type MetricName = keyof typeof table;

/** The names of one kind of metric. */
export type MetricOf<Kind extends MetricKind> = {
  [Name in MetricName]: (typeof table)[Name] extends Entry<Kind> ? Name : never;
}[MetricName];

/** The description of a metric, for collectors that want to know their metrics beforehand. */
export interface Metric {
  /** Its name, joined by dots. */
  readonly name: MetricName;
  /** Counter, gauge or sample. */
  readonly kind: MetricKind;
  /** The unit of its values. */
  readonly unit: MetricUnit;
  /** One sentence for people. */
  readonly help: string;
  /** The labels that it has besides those of `config.metricLabels`. */
  readonly labels: readonly string[];
  /** Upper bounds for a histogram, in ascending order. Only a sample has them. */
  readonly buckets: readonly number[];
}

const buckets: Partial<Record<MetricUnit, readonly number[]>> = {
  ms: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
  bytes: [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216],
  messages: [0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
};

/** All metrics of a member. */
export const metricCatalogue: readonly Metric[] = (Object.keys(table) as MetricName[]).map((name) => {
  const { kind, unit, help, labels } = table[name];
  return { name, kind, unit, help, labels, buckets: kind === "sample" ? (buckets[unit] ?? []) : [] };
});
