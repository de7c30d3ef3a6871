/** Every entry point, for a compiler that is given the web's types and no runtime's. */
export type * as core from "@memberlist/core";
export type * as certificates from "@memberlist/core/certificates";
export type * as transport from "@memberlist/core/transport";
export type * as internal from "@memberlist/core/internal";
export type * as metrics from "@memberlist/core/metrics";
export type * as testing from "@memberlist/core/testing";
export type * as opentelemetry from "@memberlist/opentelemetry";
export type * as prometheus from "@memberlist/prometheus";
export type * as requests from "@memberlist/requests";
export type * as ring from "@memberlist/ring";
export type * as simulator from "@memberlist/simulator";
export type * as status from "@memberlist/status";
export type * as topics from "@memberlist/topics";
export type * as deno from "@memberlist/transport-deno";
export type * as node from "@memberlist/transport-node";
export type * as workerEntry from "@memberlist/transport-node/worker";
