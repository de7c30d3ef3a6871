// A service whose processes know each other. The Dockerfile and the systemd unit beside it start this program. Replace its answers by your application.
import { createServer } from "node:http";
import process from "node:process";
import { configFromEnv, createMemberlist, runUntilSignal } from "@memberlist/transport-node";

const { config, seeds } = await configFromEnv();
const members = await createMemberlist(config);

const server = createServer(({ url }, response) => {
  // Alive and ready depend on this process alone. If they depended on peers, all processes would wait for each other.
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
  // Running requests still get their answers.
  server.close();
  server.closeIdleConnections();
}
