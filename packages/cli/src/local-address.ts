import { createSocket } from "node:dgram";
import { once } from "node:events";

/** The address by which this machine sends to `host`, a literal IP; undefined where that cannot be found out. Sends nothing. */
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
