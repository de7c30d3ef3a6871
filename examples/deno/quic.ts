// deno run --allow-net --unstable-net examples/deno/quic.ts
import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "@memberlist/core/certificates";
import { createMemberlist, formatAddress, lanConfig, type Memberlist } from "@memberlist/transport-deno";

// Once for a cluster, where certificates are issued. Its key stays there; its certificate goes to every member.
const authority = await createClusterCa();

/** A member over QUIC. In a real cluster its three PEM texts come from files (`Deno.readTextFile`), and only its own key is among them. */
async function member(name: string, issuedBy: CertificateAndKey): Promise<Memberlist> {
  // Where the authority's key is, once for each node.
  const { certificate, key } = await issueNodeCertificate(issuedBy, { name, label: "example" });
  const ca = authority.certificate + issuedBy.certificate;
  const config = { ...lanConfig(), name, label: "example", bindAddr: "127.0.0.1", bindPort: 0 };
  return createMemberlist({
    ...config,
    quic: { ca: name === "stranger" ? ca : authority.certificate, certificate, key },
    delegate: { notifyMsg: (message) => console.log(`${name} received: ${new TextDecoder().decode(message)}`) },
    // What is wrong with a peer is told to the caller of join, too.
    logger: { debug: nothing, info: nothing, warn: nothing, error: console.error },
  });
}

function nothing(): void {}

const [a, b, c] = [await member("a", authority), await member("b", authority), await member("c", authority)];
const { addr, port } = a.localNode();
const seed = formatAddress({ host: addr, port });
await b.join([seed]);
// With a name in front it has to be that node, whoever else has a certificate of this cluster.
await c.join([`a/${seed}`]);
for (const each of [a, b, c]) await each.ready({ members: 3, timeout: 30_000 });
console.log(
  `members: ${a
    .members()
    .map(({ name }) => name)
    .toSorted()
    .join(" ")}`,
);

const [to] = c.members().filter(({ name }) => name === "b");
if (to !== undefined) await c.sendReliable(to, new TextEncoder().encode("hello from c"));

// Somebody with an authority of their own: a certificate is not enough.
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
