import { formatAddress, type Address } from "../api/address.ts";
import { asMemberlistError, MemberlistError } from "../api/errors.ts";
import { fetchMembersRules, type FetchedMembers, type FetchMembersOptions } from "../api/fetched-members.ts";
import type { Node } from "../api/node.ts";
import { checkOptions } from "../api/check-arguments.ts";
import { checkSeeds, type Seed } from "../api/seeds.ts";
import { resolveConfig } from "../config/resolve.ts";
import { encryptionOf } from "../encryption/encryption.ts";
import { Keyring } from "../encryption/keyring.ts";
import type { Clock } from "../ports/clock.ts";
import { nodeStateName } from "../swim/versions.ts";
import type { PushNodeState } from "../wire/messages/types.ts";
import { identifyProtocol } from "./foreign-protocol.ts";
import type { PeerView } from "./streams/outbound-streams.ts";
import { Visitor, type Dialler } from "./visitor.ts";

/** A peer that has sent nothing after so many ms is asked whether it speaks another protocol. */
const suspiciousSilence = 1_500;

/** The caller's settings, for the message of an error. */
interface Given {
  readonly label: string;
  readonly hasKey: boolean;
}

/**
 * Asks one member for all members that it knows, **without joining**: the peer's member list does not change. It works with every member of
 * the protocol: Go's, Serf's and Consul's included. A host name is resolved, and its addresses are tried in turn.
 *
 * @param seed `host`, `host:port` or a function that finds addresses, as for `join`; the default port is 7946
 * @throws MemberlistError whose message names the cause: `dial_failed` (nobody listens there), `timeout`, `decrypt_failed` (the cluster is
 *   encrypted by another key), `not_encrypted` (the cluster is not encrypted), `stream_closed` or `stream_failed` (usually another label),
 *   `protocol_error` (not a gossip port; `details.protocol` is `HTTP`, `TLS` or `SSH` if that is known), `remote_error`, `limit_exceeded`,
 *   `resolve_failed`, `invalid_address`, `invalid_argument`, `aborted`; ConfigError `invalid_config` for a wrong key, label or limit
 *
 * @example
 * const { members } = await fetchMembers("10.0.0.5:7946", { label: "shop" });
 * for (const { name, addr, state } of members) console.log(name, addr, state);
 */
export async function fetchMembers(seed: Seed, options: FetchMembersOptions): Promise<FetchedMembers> {
  checkSeeds([seed]);
  checkOptions("fetchMembers", options, fetchMembersRules, ["transport"]);
  const { transport, timeout = 10_000, signal, keyring, ...fields } = options;
  // A copy: `secretKey` becomes the primary key of the keyring, and the caller's may be that of a running member.
  const config = resolveConfig({
    ...fields,
    keyring: keyring && new Keyring(keyring.getKeys(), keyring.getPrimaryKey()),
    name: "visitor",
  });
  const visitor = new Visitor({ config, transport, encryption: await encryptionOf(config, transport.crypto) });
  const timeLeft = deadline(config.clock, timeout);
  const given: Given = { label: config.label, hasKey: config.secretKey !== undefined || (config.keyring?.size ?? 0) > 0 };
  let failure: unknown;
  const addresses = await visitor.seeds.resolve(seed, { timeLeft, signal });
  for (const [i, address] of addresses.entries()) {
    try {
      // An address that does not answer must leave time for the others.
      const share = timeLeft() / (addresses.length - i);
      const view = await fetchFrom(visitor, transport, address, { timeout: share, signal, given });
      return { ...toMembers(view, config.bindPort), address: formatAddress(address) };
    } catch (error) {
      failure ??= error;
      if (error instanceof MemberlistError && error.code === "aborted") break;
    }
  }
  throw failure;
}

/** Gives the ms that are left, at least 1; 0 for no limit. */
function deadline(clock: Clock, timeout: number): () => number {
  const end = clock.now() + timeout;
  return () => (timeout === 0 ? 0 : Math.max(1, end - clock.now()));
}

interface FetchLimits {
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  readonly given: Given;
}

/** One exchange; while a peer is silent, it is found out whether another protocol is spoken there. */
async function fetchFrom(
  visitor: Visitor,
  transport: Dialler,
  address: Address,
  { timeout, signal, given }: FetchLimits,
): Promise<PeerView> {
  const stop = new AbortController();
  let isConnected = false;
  let protocol: string | undefined;
  const before = visitor.bytesReceived;
  const identify = (fail: (error: unknown) => void): void => {
    identifyProtocol(transport, address, suspiciousSilence, stop.signal).then((found) => {
      protocol = found;
      if (found !== undefined) fail(new MemberlistError("protocol_error", found));
    }, fail);
  };
  try {
    return await visitor.operations.run<PeerView>({ what: "fetching members", signal }, (resolve, reject) => {
      const silence = { timeout: suspiciousSilence, signal: stop.signal };
      const onConnected = (): void => {
        isConnected = true;
        // Ends by its timeout, or by the end of the whole.
        visitor.operations
          .run<void>({ what: "waiting", ...silence }, () => undefined)
          .catch(() => {
            if (!stop.signal.aborted && visitor.bytesReceived === before) identify(reject);
          });
      };
      visitor.fetch(address, { timeout, signal: stop.signal }, onConnected).then(resolve, reject);
      return () => stop.abort();
    });
  } catch (error) {
    throw explained(asMemberlistError(error), formatAddress(address), { ...given, isConnected, protocol });
  } finally {
    stop.abort();
  }
}

interface Circumstances extends Given {
  readonly isConnected: boolean;
  readonly protocol: string | undefined;
}

/** The same error, with a sentence that says what is wrong and what to do. */
function explained(error: MemberlistError, where: string, found: Circumstances): MemberlistError {
  const { code, details } = error;
  const protocol = found.protocol ?? details["protocol"];
  const message = sentence(error, where, { ...found, protocol: typeof protocol === "string" ? protocol : undefined });
  return new MemberlistError(code, message, {
    cause: error,
    details: { ...details, address: where, protocol, connected: found.isConnected },
  });
}

function sentence({ code, message, details }: MemberlistError, where: string, found: Circumstances): string {
  const { label, hasKey, isConnected, protocol } = found;
  const { errno, remote } = details;
  if (protocol !== undefined)
    return `${where} speaks ${protocol}: it is not a gossip port. Pass the port of memberlist, often 7946`;
  if (details["unanswered"] === true) {
    const labels = label === "" ? "it has a label, and none was given" : `its label is not ${JSON.stringify(label)}`;
    return `${where} closed the connection without an answer. Most likely ${labels}: compare the label with that of the members`;
  }
  switch (code) {
    case "dial_failed":
      return `nobody listens at ${where} (TCP): ${typeof errno === "string" ? errno : message}. Check the address, the port and whether a member runs there`;
    case "timeout":
      return isConnected
        ? `${where} accepts connections, but sent no answer in time: the process is blocked or stopped, or it is not a member`
        : `nobody answers at ${where} (TCP): no connection in time. Check the address and the firewall`;
    case "decrypt_failed":
      return hasKey
        ? `${where} uses another key: none of the given keys decrypts its answer`
        : `${where} is encrypted, and no key was given: pass the cluster's key`;
    case "not_encrypted":
      return `${where} answers in plaintext, but a key was given: leave the key out if the cluster has none`;
    case "remote_error":
      return `${where} refused the request: ${typeof remote === "string" ? remote : message}`;
    case "aborted":
      return "fetching members was aborted";
    default:
      return `${where}: ${message}`;
  }
}

/** @param defaultPort of members whose port is not in the answer */
function toMembers({ nodes, skipped, userStateBytes }: PeerView, defaultPort: number): Omit<FetchedMembers, "address"> {
  const members = nodes.map((node) => toNode(node, defaultPort)).filter((node) => node !== undefined);
  return { members, stateBytes: userStateBytes, skipped: skipped + nodes.length - members.length };
}

/** Undefined for a state that no member has. */
function toNode({ name, addr, port, meta, incarnation, state, vsn }: PushNodeState, defaultPort: number): Node | undefined {
  const stateName = nodeStateName(state);
  if (stateName === undefined) return undefined;
  const [pMin = 0, pMax = 0, pCur = 0, dMin = 0, dMax = 0, dCur = 0] = vsn;
  const versions = { pMin, pMax, pCur, dMin, dMax, dCur };
  return Object.freeze({ name, addr, port: port || defaultPort, meta, state: stateName, incarnation, ...versions });
}
