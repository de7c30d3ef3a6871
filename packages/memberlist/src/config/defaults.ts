import type { PresetConfig } from "./config.ts";

/**
 * Defaults for machines in one data centre: fast detection and more traffic. Returns a new object each time. Add the `name`:
 * `{ ...lanConfig(), name: "web-1" }`. Source: PROTOCOL.md section 8.
 */
export function lanConfig(): PresetConfig {
  return {
    label: "",
    skipInboundLabelCheck: false,
    bindAddr: "0.0.0.0",
    bindPort: 7946,
    advertiseAddr: "",
    advertisePort: 0,
    addressCheckInterval: 5_000,
    protocolVersion: 2,
    tcpTimeout: 10_000,
    indirectChecks: 3,
    retransmitMult: 4,
    suspicionMult: 4,
    suspicionMaxTimeoutMult: 6,
    pushPullInterval: 30_000,
    probeInterval: 1_000,
    probeTimeout: 500,
    disableTcpPings: false,
    awarenessMaxMultiplier: 8,
    lagAwareness: true,
    coalesceMessages: true,
    gossipInterval: 200,
    gossipNodes: 3,
    gossipToTheDeadTime: 30_000,
    gossipVerifyIncoming: true,
    gossipVerifyOutgoing: true,
    enableCompression: true,
    userBroadcastShare: 0.25,
    delegateProtocolVersion: 0,
    delegateProtocolMin: 0,
    delegateProtocolMax: 0,
    dnsConfigPath: "/etc/resolv.conf",
    handoffQueueDepth: 1024,
    udpBufferSize: 1400,
    deadNodeReclaimTime: 0,
    requireNodeNames: false,
    metricLabels: {},
    queueCheckInterval: 30_000,
    eventsCapacity: 1024,
    healingInterval: 30_000,
    healingTimeout: 86_400_000,
  };
}

/** Defaults for members in distant data centres: longer timeouts, and slower gossip to one more node. Source: PROTOCOL.md section 8. */
export function wanConfig(): PresetConfig {
  return {
    ...lanConfig(),
    tcpTimeout: 30_000,
    suspicionMult: 6,
    pushPullInterval: 60_000,
    probeTimeout: 3_000,
    probeInterval: 5_000,
    gossipNodes: 4,
    gossipInterval: 500,
    gossipToTheDeadTime: 60_000,
    healingInterval: 60_000,
  };
}

/** Defaults for members on one machine (loopback): short timeouts and few retransmissions. Source: PROTOCOL.md section 8. */
export function localConfig(): PresetConfig {
  return {
    ...lanConfig(),
    tcpTimeout: 1_000,
    indirectChecks: 1,
    retransmitMult: 2,
    suspicionMult: 3,
    pushPullInterval: 15_000,
    probeTimeout: 200,
    gossipInterval: 100,
    gossipToTheDeadTime: 15_000,
    healingInterval: 15_000,
  };
}

/**
 * Defaults for pods of one Kubernetes cluster: the LAN values, and a `deadNodeReclaimTime` of 10 s. A pod of a StatefulSet keeps its name and
 * gets another address when it is replaced. Kubernetes never runs two pods of one name at once, so a short time is safe. Set a `label`: a pod
 * of another cluster may get the address of a deleted pod. Set `advertiseAddr` to the pod's address. docs/guide/deploying.md has complete
 * manifests.
 */
export function kubernetesConfig(): PresetConfig {
  return { ...lanConfig(), deadNodeReclaimTime: 10_000 };
}
