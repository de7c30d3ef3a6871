/** On a Node that is denied something: what createMemberlist rejects with. */
import { createMemberlist, localConfig, type MemberlistError } from "@memberlist/transport-node";

createMemberlist({ ...localConfig(), name: "one", bindAddr: "127.0.0.1", bindPort: 0 }).then(
  () => process.stdout.write("started\n"),
  ({ code, message }: MemberlistError) => process.stdout.write(`${code}: ${message}\n`),
);
