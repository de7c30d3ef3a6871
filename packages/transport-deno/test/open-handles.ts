type Closable = { close(): void };

/** Counts the sockets that are open in this process, from the call on: Deno does not report them. */
export function countHandles(): () => number {
  const open = new Set<Closable>();
  const track = <T extends Closable>(handle: T): T => {
    const close = handle.close.bind(handle);
    open.add(handle);
    handle.close = () => {
      open.delete(handle);
      close();
    };
    return handle;
  };
  const { listen, listenDatagram, connect } = Deno;
  Object.assign(Deno, {
    listen: (options: Deno.TcpListenOptions & { transport?: "tcp" }) => {
      const listener = track(listen(options));
      const accept = listener.accept.bind(listener);
      listener.accept = async () => track(await accept());
      return listener;
    },
    listenDatagram: (options: Deno.UdpListenOptions & { transport: "udp" }) => track(listenDatagram(options)),
    connect: async (options: Deno.ConnectOptions) => track(await connect(options)),
  });
  return () => open.size;
}
