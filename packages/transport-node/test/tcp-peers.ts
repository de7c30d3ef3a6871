import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Address } from "@memberlist/core";
import type { ConformanceRelay, ConformanceResource } from "@memberlist/core/testing";

/** Passes TCP connections on, until both ends are reset. */
export async function tcpRelay(to: Address): Promise<ConformanceRelay> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (front) => {
    const back = keep(connect({ host: to.host, port: to.port, allowHalfOpen: true }));
    keep(front).pipe(back).pipe(front);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    address: { host: "127.0.0.1", port: (server.address() as AddressInfo).port, name: "" },
    break: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

/** Connects and says nothing. */
export async function tcpClient(to: Address): Promise<ConformanceResource> {
  const socket = connect({ host: to.host, port: to.port, allowHalfOpen: true }).on("error", () => undefined);
  await new Promise<void>((resolve) => void socket.once("connect", resolve));
  return { close: () => void socket.destroy() };
}
