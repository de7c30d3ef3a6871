import { createSocket } from "node:dgram";
import { once } from "node:events";

/**
 * Finds the local address from which this machine sends to `host`, a literal IP. It sends nothing.
 *
 * @returns undefined if the system has no route to the host
 */
export async function localAddressTowards(host: string, port: number): Promise<string | undefined> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.connect(port, host);
    await Promise.race([
      once(socket, "connect"),
      once(socket, "error").then(([error]) => {
        throw error;
      }),
    ]);
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}
