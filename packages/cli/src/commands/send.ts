import { localConfig, MemberlistError, type Node } from "@memberlist/core";
import { errorMessage, escapeControls } from "@memberlist/core/internal";
import { formatAddress } from "@memberlist/core/transport";
import type { ClusterAccess } from "../cluster-options.ts";
import { exitCodeOf, exitCodes, UsageError } from "../exit-codes.ts";
import { inParallel } from "../parallel.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { addressOf, presentMembers } from "../visit.ts";

export interface SendRequest extends ClusterAccess {
  readonly seed: string;
  /** The name of the receiver; undefined for all alive and suspect members. */
  readonly member: string | undefined;
  readonly message: Uint8Array;
  readonly timeout: number;
  readonly bestEffort: boolean;
}

/** The longest message that fits into a UDP packet (65,507 bytes) with a label and encryption, in bytes. */
const maxPacket = 65_000;

/** `memberlist send` and `memberlist broadcast`: sends a message from a node that does not join. */
export async function sendMessage(request: SendRequest, runtime: Runtime, io: Io): Promise<number> {
  const { seed, member, message, keyring, label, timeout, bestEffort } = request;
  if (bestEffort && message.length > maxPacket) {
    throw new UsageError(
      `--best-effort: a message of ${message.length} bytes does not fit into a UDP packet (${maxPacket}): leave the option out`,
    );
  }
  const { members } = await runtime.fetchMembers(seed, { keyring, label, timeout });
  const receivers = presentMembers(members).filter(({ name }) => member === undefined || name === member);
  if (member !== undefined && receivers.length === 0) {
    throw new MemberlistError("member_not_found", `${seed} lists no alive member with the name ${member}`);
  }
  const bindAddr = receivers.some(({ addr }) => addr.includes(":")) ? "::" : "0.0.0.0";
  const advertiseAddr = bindAddr === "::" ? "::1" : "127.0.0.1";
  const logOutput = { write: () => undefined };
  // The sender does not join, so no member uses its advertised address.
  const sender = await runtime.createMemberlist({
    ...localConfig(),
    name: "sender",
    bindAddr,
    bindPort: 0,
    advertiseAddr,
    keyring,
    label,
    logOutput,
  });
  try {
    const failures = await inParallel(receivers, 32, async (node) => {
      try {
        if (bestEffort) sender.sendBestEffort(addressOf(node), message);
        else await sender.sendReliable(addressOf(node), message, { timeout });
        return undefined;
      } catch (error) {
        return { node, error };
      }
    });
    return report(
      receivers,
      failures.filter((failure) => failure !== undefined),
      request,
      io,
    );
  } finally {
    await sender.shutdown();
  }
}

function report(
  receivers: readonly Node[],
  failures: readonly { readonly node: Node; readonly error: unknown }[],
  { message, bestEffort }: SendRequest,
  io: Io,
): number {
  for (const { node, error } of failures) {
    io.error(`${escapeControls(node.name)} at ${formatAddress(addressOf(node))}: ${errorMessage(error)}`);
  }
  const sent = receivers.length - failures.length;
  io.line(
    `sent ${message.length} bytes to ${sent} of ${receivers.length} ${receivers.length === 1 ? "member" : "members"}${bestEffort ? " over UDP, which may lose packets" : ""}`,
  );
  const [first] = failures;
  return first === undefined ? exitCodes.ok : exitCodeOf(first.error);
}
