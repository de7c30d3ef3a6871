/** On a Deno that is denied something: what createMemberlist rejects with. */
import { createMemberlist, localConfig, type MemberlistError } from "@memberlist/transport-deno";

const streamOnly = Deno.args.includes("stream-only");
const text = await createMemberlist({ ...localConfig(), name: "one", bindAddr: "127.0.0.1", bindPort: 0, streamOnly }).then(
  async (members) => {
    await members.shutdown();
    return "started";
  },
  ({ code, message }: MemberlistError) => `${code}: ${message}`,
);
Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
