import { randomInt } from "node:crypto";
import { connect } from "node:net";
import { RECURSION_DESIRED, streamDecode, streamEncode, type Answer, type RecordType } from "dns-packet";
import { onAbort, type NameServer } from "@memberlist/core/internal";

/** A DNS message over TCP: a length of 2 bytes, then at most this much. */
const messageBytesMax = 65_535;

/** A question type that the package knows and its types do not. */
const any = "ANY" as string as RecordType;

/**
 * Asks `server` for everything about `name` over TCP.
 *
 * @returns the addresses of the A and AAAA records of the answer, in its order; other records (CNAME, say) are ignored
 * @throws Error if no usable answer arrives, or `signal` is aborted
 */
export function queryAnyOverTcp(name: string, server: NameServer, signal: AbortSignal): Promise<string[]> {
  const id = randomInt(65_536);
  const question = streamEncode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type: any, name: name.replace(/\.$/, "") }],
  });
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.host, port: server.port });
    let received = Buffer.alloc(0);

    const finish = (result: string[] | Error): void => {
      stopListening();
      socket.destroy();
      if (Array.isArray(result)) resolve(result);
      else reject(result);
    };
    const stopListening = onAbort(signal, () => finish(new Error("aborted")));
    if (signal.aborted) finish(new Error("aborted"));

    socket.on("error", finish);
    socket.once("close", () => finish(new Error("the name server closed the connection")));
    socket.once("connect", () => socket.write(question));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const wanted = received.length < 2 ? messageBytesMax : received.readUInt16BE(0);
      if (received.length >= 2 + wanted) finish(parse(received.subarray(0, 2 + wanted), id));
    });
  });
}

function parse(framed: Buffer, id: number): string[] | Error {
  try {
    const response = streamDecode(framed);
    if (response.id !== id || response.type !== "response") return new Error("the answer does not belong to the question");
    const { rcode } = response as { rcode?: string };
    if (rcode !== undefined && rcode !== "NOERROR") return new Error(`the name server answered ${rcode}`);
    return addressesOf(response.answers ?? []);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function addressesOf(answers: readonly Answer[]): string[] {
  return answers.flatMap((answer) => (answer.type === "A" || answer.type === "AAAA" ? [answer.data] : []));
}
