// deno run --allow-net --unstable-net examples/deno/quic.ts
import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "@memberlist/core/certificates";
import { createMemberlist, lanConfig, type Memberlist } from "@memberlist/transport-deno";
import { formatAddress } from "@memberlist/core/transport";

// Make this once, where certificates are issued. The authority's key stays there; its certificate goes to every member.
const authority = await createClusterCa();

/** A member over QUIC. In a real cluster its three PEM strings come from files (`Deno.readTextFile`), and it has no key but its own. */
async function member(name: string, issuedBy: CertificateAndKey): Promise<Memberlist> {
  // Do this once for each node, where the authority's key is.
  const { certificate, key } = await issueNodeCertificate(issuedBy, { name, label: "example" });
  const ca = authority.certificate + issuedBy.certificate;
  const config = { ...lanConfig(), name, label: "example", bindAddr: "127.0.0.1", bindPort: 0 };
  return createMemberlist({
    ...config,
    quic: { ca: name === "stranger" ? ca : authority.certificate, certificate, key },
    delegate: { notifyMsg: (message) => console.log(`${name} received: ${new TextDecoder().decode(message)}`) },
    // The caller of join gets these errors as well.
    logger: { debug: nothing, info: nothing, warn: nothing, error: console.error },
  });
}

function nothing(): void {}

const [a, b, c] = [await member("a", authority), await member("b", authority), await member("c", authority)];
const { addr, port } = a.localNode();
const seed = formatAddress({ host: addr, port });
await b.join([seed]);
// With a name in front, the peer must be that node: another certificate of this cluster is not enough.
await c.join([`a/${seed}`]);
for (const each of [a, b, c]) await each.ready({ members: 3, timeout: 30_000 });
console.log(
  `members: ${a
    .members()
    .map(({ name }) => name)
    .toSorted()
    .join(" ")}`,
);

await c.sendReliable("b", new TextEncoder().encode("hello from c"));

// A stranger with an authority of its own is refused.
const stranger = await member("stranger", await createClusterCa());
try {
  await stranger.join([seed]);
} catch (error) {
  console.log(`stranger: ${error instanceof Error ? error.message : String(error)}`);
}
try {
  await c.join([`b/${seed}`]);
} catch (error) {
  console.log(`c, looking for b at the address of a: ${error instanceof Error ? error.message : String(error)}`);
}

for (const each of [a, b, c]) await each.leave();
for (const each of [a, b, c, stranger]) await each.shutdown();
