// A service whose processes know each other: what the Dockerfile and the systemd unit here start. Put your application in place of its answers.
import { createServer } from "node:http";
import process from "node:process";
import { configFromEnv, createMemberlist, runUntilSignal } from "@memberlist/transport-node";

const { config, seeds } = await configFromEnv();
const members = await createMemberlist(config);

const server = createServer(({ url }, response) => {
  // Alive and ready depend on this process alone. A service that is ready only with peers would never start: its peers wait for it, too.
  if (url === "/livez" || url === "/readyz") response.end("ok\n");
  else if (url === "/members")
    response.end(
      `${members
        .members()
        .map(({ name }) => name)
        .sort()
        .join("\n")}\n`,
    );
  else response.writeHead(404).end();
});
server.listen(Number(process.env["PORT"] || 8080));

try {
  const signal = await runUntilSignal(members, { seeds });
  process.stdout.write(`${config.name} has left the cluster: ${signal}\n`);
} finally {
  // Requests that are running are answered.
  server.close();
  server.closeIdleConnections();
}
