import type { Node } from "@memberlist/core";
import { formatAddress } from "@memberlist/core/transport";
import { blockedFor } from "./blocked-for.ts";
import { usualPacketBytes } from "./examiner.ts";
import type { Examination, MemberCheck, NameCheck, PairCheck, PingResult, SeedCheck, StreamResult } from "./examination.ts";
import type { Finding, Severity } from "./finding.ts";
import { diagnoseVersions } from "./versions.ts";

/** Shorter delays are not reported, in ms. */
const leastBlock = 400;

/** Finds the problems that an examination shows. */
export function diagnose(examination: Examination): readonly Finding[] {
  const { seeds, members, names, pairs, gone, leftOut, ownLag } = examination;
  const misplaced = new Set(seeds.flatMap(({ elsewhere }) => (elsewhere === undefined ? [] : [elsewhere.node.name])));
  const duplicated = new Set(names.filter(isDuplicate).map(({ name }) => name));
  return [
    ...seeds.flatMap(diagnoseSeed),
    ...names.flatMap(diagnoseName),
    ...members
      .filter(({ node }) => !misplaced.has(node.name) || duplicated.has(node.name))
      .flatMap((check) => diagnoseMember(check, ownLag)),
    ...pairs.map(diagnosePair),
    ...diagnoseVersions(members.map(({ node }) => node)),
    ...diagnoseStates(members, gone),
    ...(leftOut > 0
      ? [
          finding(
            "members_left_out",
            "info",
            [],
            `${leftOut} more members were not examined`,
            "pass --max-members to examine them",
          ),
        ]
      : []),
    ...(ownLag > leastBlock
      ? [
          finding(
            "doctor_was_slow",
            "info",
            [],
            `the doctor's own timers were up to ${round(ownLag)} ms late`,
            "run the doctor on a less busy machine to find short delays of members",
          ),
        ]
      : []),
  ];
}

function finding(code: string, severity: Severity, about: readonly string[], message: string, advice: string): Finding {
  return { code, severity, about, message, advice };
}

function diagnoseSeed({ seed, stream, elsewhere }: SeedCheck): readonly Finding[] {
  if (!("view" in stream)) return [diagnoseStream(stream, seed, seed) ?? seedUnreachable(seed, stream)];
  if (elsewhere === undefined || elsewhere.isReachable) return [];
  const { node } = elsewhere;
  return [
    finding(
      "wrong_advertise_address",
      "error",
      [node.name],
      `${node.name} answers at ${stream.view.address}, but advertises ${addressOf(node)}, where it does not answer`,
      "set advertiseAddr and advertisePort of this member (Go: AdvertiseAddr, AdvertisePort) to an address that the others reach",
    ),
  ];
}

function seedUnreachable(seed: string, { code, message }: Exclude<StreamResult, { readonly view: unknown }>): Finding {
  const advice =
    code === "resolve_failed"
      ? "check the name, or pass the IP address of a member"
      : "check the address and the port; if a member runs there, check its firewall and its bind address";
  return finding("seed_unreachable", "error", [seed], message, advice);
}

/** Returns the finding for a failed stream; undefined if the address just does not answer. */
function diagnoseStream(stream: StreamResult, who: string, where: string): Finding | undefined {
  if ("view" in stream) return undefined;
  const { code, message, unanswered } = stream;
  if (code === "decrypt_failed" || code === "not_encrypted") {
    return finding(
      "key_mismatch",
      "error",
      [who],
      message,
      code === "not_encrypted"
        ? "leave the key out if the cluster is not encrypted; else give this member the key of the others"
        : "pass the cluster's key by --key-file or MEMBERLIST_KEY (during a rotation both keys); if the other members use that key, give it to this member, too",
    );
  }
  if (unanswered)
    return finding(
      "label_mismatch",
      "error",
      [who],
      message,
      "give this member and the others the same label, and pass it by --label",
    );
  if (code === "protocol_error" || code === "remote_error" || code === "limit_exceeded") {
    return finding("not_a_member", "error", [who], message, "check which program listens at this address and port");
  }
  if (code === "timeout" && stream.connected) {
    return finding(
      "process_silent",
      "error",
      [who],
      `the process at ${where} accepts connections, but does not answer: it is stopped, or its event loop is blocked`,
      "check the process for a debugger, SIGSTOP, a busy CPU, or code that blocks its event loop",
    );
  }
  return undefined;
}

function diagnoseMember(check: MemberCheck, ownLag: number): readonly Finding[] {
  const { node, stream, pings, isAnother } = check;
  const { name } = node;
  const address = addressOf(node);
  if (isAnother) {
    return [
      finding(
        "other_node_at_address",
        "error",
        [name],
        `${name} is listed at ${address}, but another node answers there`,
        "restart the member whose address is stale, or correct its advertised address",
      ),
    ];
  }
  const packets = [...diagnoseSize(check), ...diagnoseBlocked(check, ownLag), ...diagnoseLoss(check)];
  if (!("view" in stream)) return [diagnoseStream(stream, name, address) ?? diagnoseTcp(check, stream.message), ...packets];
  return isAnswered(pings) ? packets : [diagnoseUdp(check), ...packets];
}

/** Returns the finding for a member that does not answer over TCP. */
function diagnoseTcp({ node, pings, answersOthers }: MemberCheck, message: string): Finding {
  const { name } = node;
  const address = addressOf(node);
  if (isAnswered(pings)) {
    return finding(
      "tcp_blocked",
      "error",
      [name],
      `TCP from here to ${name} at ${address} is blocked, while UDP passes: ${message}`,
      "open the TCP port, too: members exchange their states over it, and ping over it when UDP fails",
    );
  }
  if (answersOthers === true) {
    return finding(
      "unreachable_from_here",
      "error",
      [name],
      `${name} at ${address} answers other members, but not this machine, neither over UDP nor over TCP`,
      "check the firewall and the route between this machine and the member",
    );
  }
  return finding(
    "address_unreachable",
    "error",
    [name],
    `${name} does not answer at ${address}, neither over UDP nor over TCP: ${message}`,
    "if it runs, open its firewall, or set advertiseAddr (Go: AdvertiseAddr) to an address that all other members reach",
  );
}

function diagnoseSize({ node: { name }, largestPacket }: MemberCheck): readonly Finding[] {
  if (largestPacket === undefined) return [];
  return [
    finding(
      "mtu_black_hole",
      "error",
      [name],
      `packets of more than about ${largestPacket} bytes from here to ${name} are lost; members send up to ${usualPacketBytes} bytes`,
      `repair path MTU discovery (let ICMP "fragmentation needed" pass), or set udpBufferSize (Go: UDPBufferSize) of all members to ${largestPacket} or less`,
    ),
  ];
}

function diagnoseBlocked({ node: { name }, pings }: MemberCheck, ownLag: number): readonly Finding[] {
  const blocked = blockedFor(pings);
  if (blocked < leastBlock || blocked <= 2 * ownLag) return [];
  return [
    finding(
      "event_loop_blocked",
      "warning",
      [name],
      `the process of ${name} was blocked for ${round(blocked)} ms, and then answered several pings at once`,
      "find the code that blocks its event loop, or give it more CPU: other members suspect it if it is blocked for longer than their probe timeout",
    ),
  ];
}

function diagnoseLoss({ node: { name }, pings }: MemberCheck): readonly Finding[] {
  const lost = pings.filter(({ rtt }) => rtt === undefined).length;
  if (!isAnswered(pings) || lost < 2 || lost / pings.length < 0.1) return [];
  return [
    finding(
      "packet_loss",
      "warning",
      [name],
      `${lost} of ${pings.length} pings to ${name} were lost`,
      "look for a full link, a full socket buffer or a firewall that limits the rate",
    ),
  ];
}

function isAnswered(pings: readonly PingResult[]): boolean {
  return pings.some(({ rtt }) => rtt !== undefined);
}

function diagnoseUdp({ node, isReached, answersOthers }: MemberCheck): Finding {
  const { name } = node;
  const address = addressOf(node);
  if (isReached === true) {
    return finding(
      "udp_blocked_one_way",
      "error",
      [name],
      `UDP from ${name} (${address}) to here is blocked; the other direction passes`,
      "check the firewall of this machine and on the way from the member: UDP must pass in both directions",
    );
  }
  if (answersOthers === true) {
    return finding(
      "udp_blocked",
      "error",
      [name],
      `UDP from here to ${name} (${address}) is blocked, while TCP passes; other members get its answers`,
      "open the UDP port between this machine and the member, in both directions",
    );
  }
  return finding(
    "udp_blocked",
    "error",
    [name],
    `UDP to ${name} (${address}) is blocked, while TCP passes: no member gets its answers`,
    "open the UDP port of this member, in both directions; if the network has no UDP, use streamOnly on all members",
  );
}

function diagnosePair({ first, second, forward, back }: PairCheck): Finding {
  const about = [first, second];
  const advice = "check the firewalls and routes between these two: UDP must pass in both directions";
  if (forward === false && back === true) {
    return finding(
      "udp_blocked_one_way",
      "error",
      about,
      `UDP from ${first} to ${second} is blocked; the other direction passes`,
      advice,
    );
  }
  if (forward === true && back === false) {
    return finding(
      "udp_blocked_one_way",
      "error",
      [second, first],
      `UDP from ${second} to ${first} is blocked; the other direction passes`,
      advice,
    );
  }
  const both = forward === false && back === false;
  return finding(
    "udp_blocked",
    "error",
    about,
    `UDP between ${first} and ${second} is blocked${both ? " in both directions" : ""}`,
    advice,
  );
}

function isDuplicate({ addresses }: NameCheck): boolean {
  return addresses.filter(({ answers }) => answers).length > 1;
}

function diagnoseName(check: NameCheck): readonly Finding[] {
  const { name, addresses } = check;
  const lists = addresses.map(({ address, listedBy }) => `${address} (listed by ${shortList(listedBy)})`).join(" and ");
  if (isDuplicate(check)) {
    return [
      finding(
        "duplicate_name",
        "error",
        [name],
        `two nodes use the name ${name}: ${lists}`,
        "give one of them another name: names must be unique in a cluster",
      ),
    ];
  }
  return [
    finding(
      "views_differ",
      "warning",
      [name],
      `members disagree on the address of ${name}: ${lists}`,
      "if it has just moved, wait for a push/pull (30 s); otherwise restart it, or correct its advertised address",
    ),
  ];
}

function diagnoseStates(members: readonly MemberCheck[], gone: readonly Node[]): readonly Finding[] {
  const suspects = members.filter(({ node }) => node.state === "suspect").map(({ node }) => node.name);
  const dead = gone.filter(({ state }) => state === "dead").map((node) => node.name);
  return [
    ...(suspects.length > 0
      ? [
          finding(
            "suspect_members",
            "warning",
            suspects,
            `suspect members: ${shortList(suspects)}`,
            "see the other findings; if this is the only one, check the load of these members",
          ),
        ]
      : []),
    ...(dead.length > 0
      ? [
          finding(
            "dead_members",
            "info",
            dead,
            `dead members: ${shortList(dead)}`,
            "do nothing if they were stopped; if they run, check their advertised addresses",
          ),
        ]
      : []),
  ];
}

function addressOf({ addr, port }: Node): string {
  return formatAddress({ host: addr, port });
}

function shortList(names: readonly string[]): string {
  return names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
}

function round(ms: number): number {
  return Math.round(ms / 10) * 10;
}
