/** What to do when an address cannot be listened on, for the option that names it; undefined for other errors of the system. */
export function listenAdvice(option: "--bind" | "--http", errno: string | undefined): string | undefined {
  switch (errno) {
    case "EADDRINUSE":
      return `another process uses the port: end it, or pass another port by ${option} (0 takes a free one)`;
    case "EADDRNOTAVAIL":
      return `this machine does not have the address: pass one that it has by ${option}`;
    case "EACCES":
      return `this user may not listen on the port: pass one from 1024 on by ${option}`;
    default:
      return undefined;
  }
}
