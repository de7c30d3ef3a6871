import type { ErrorCode } from "./errors.ts";
import type { DecodeReason, StreamLimitName } from "../wire/errors.ts";

/** The codes of all log lines. docs/reference/codes.md explains each; a test compares the two. */
export type LogCode =
  | "address_changed"
  | "address_lost"
  | "address_not_allowed"
  | "address_returned"
  | "address_taken_over"
  | "address_watch_off"
  | "advertise_address_failed"
  | "alive_dropped"
  | "alive_refused"
  | "application_responsive"
  | "application_unresponsive"
  | "bind_retried"
  | "broadcast_over_limit"
  | "broadcast_too_large"
  | "broadcast_too_long"
  | "delegate_failed"
  | "event_loop_blocked"
  | "handoff_full"
  | "healed"
  | "internal_error"
  | "isolated"
  | "join_attempt_failed"
  | "key_limit_reached"
  | "marked_dead"
  | "member_limit_reached"
  | "membership_queue_full"
  | "message_dropped"
  | "metrics_failed"
  | "name_conflict"
  | "name_server_failed"
  | "node_skipped"
  | "packet_dropped"
  | "ping_for_other_node"
  | "ping_timeout"
  | "public_without_encryption"
  | "push_pull_failed"
  | "queue_full"
  | "quic_connection_failed"
  | "quic_handshake_limit_reached"
  | "quic_input_dropped"
  | "quic_peer_refused"
  | "refute"
  | "rejoin_failed"
  | "rejoined"
  | "seed_resolve_failed"
  | "select_nodes_failed"
  | "send_failed"
  | "store_corrupted"
  | "store_foreign"
  | "store_load_failed"
  | "store_save_failed"
  | "stream_dropped"
  | "stream_limit_reached"
  | "stream_ping_failed"
  | "suspect"
  | "tcp_accept_failed"
  | "tcp_listen_failed"
  | "tcp_stream_refused"
  | "thread_failed"
  | "thread_restarted"
  | "thread_unavailable"
  | "udp_packet_empty"
  | "udp_receive_buffer_refused"
  | "udp_receive_buffer_small"
  | "udp_send_callback_failed"
  | "udp_send_failed"
  | "udp_send_queue_full"
  | "udp_socket_failed"
  | "udp_unreachable"
  | "versions_rejected"
  | "worker_failed"
  | "workers_unavailable";

/** Why a message of a packet was dropped that could be decoded as far as that. */
export type MessageDropReason =
  | "handoff_full"
  | "nested_compound"
  | "nested_compress"
  | "too_many_bad_parts"
  | "too_many_replies";

/** Names of counters that stand for one thing each; `metrics_failed` is counted by the counters themselves. */
type PlainCounter =
  | "address_lost"
  | "advertise_address_failed"
  | "broadcast_dropped.most_sent"
  | "broadcast_dropped.newest"
  | "broadcast_dropped.oldest"
  | "broadcast_dropped.rejected"
  | "broadcast_dropped.too_long"
  | "delegate_failed"
  | "dropped.address_not_allowed"
  | "dropped.alive_refused"
  | "dropped.application_slow"
  | "dropped.application_unresponsive"
  | "dropped.bad_channel_message"
  | "dropped.bad_channel_state"
  | "dropped.bad_node"
  | "dropped.bad_versions"
  | "dropped.broadcast_over_limit"
  | "dropped.broadcast_too_large"
  | "dropped.channel_unknown"
  | "dropped.event"
  | "dropped.meta_too_large"
  | "dropped.name_conflict"
  | "dropped.ping_for_other_node"
  | "event_loop_blocked"
  | "healing.failed"
  | "healing.reached"
  | "key_limit_reached"
  | "metrics_failed"
  | "probe.stream_only"
  | "push_pull_failed"
  | "rejoin_failed"
  | "select_nodes_failed"
  | "send_failed"
  | "store_corrupted"
  | "store_foreign"
  | "store_load_failed"
  | "store_save_failed"
  | "thread_failed";

/** Why a stream was dropped: its bytes could not be decoded, it failed with an error, or there were too many. */
export type StreamDropReason = DecodeReason | ErrorCode | "failed" | "too_many_streams";

/** All names of `members.counters()` but the transport's. docs/reference/codes.md explains each; a test compares the two. */
export type CounterName =
  | PlainCounter
  | `dropped.${DecodeReason | MessageDropReason}`
  | `stream_dropped.${StreamDropReason}`
  | `limit.${StreamLimitName}`;

/** Those that are metrics, too. */
export type CountedName = Exclude<CounterName, "metrics_failed">;
