/** Returns advice for an address that a server cannot listen on, with the option to change; undefined for other errors. */
export function listenAdvice(option: "--bind" | "--http", errno: string | undefined): string | undefined {
  switch (errno) {
    case "EADDRINUSE":
      return `another process uses the port: end it, or pass another port by ${option} (0 takes a free one)`;
    case "EADDRNOTAVAIL":
      return `this machine does not have the address: pass one of its addresses by ${option}`;
    case "EACCES":
      return `this user may not listen on the port: pass a port from 1024 to 65535 by ${option}`;
    default:
      return undefined;
  }
}
