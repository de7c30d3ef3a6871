/** Run by Deno (quic.test.ts starts it): which peers are accepted over QUIC, and what refused peers get. */
import { match, rejects, strictEqual } from "node:assert/strict";
import { createClusterCa, issueNodeCertificate, type CertificateAndKey } from "@memberlist/core/certificates";
import { serverNameOf } from "@memberlist/core/internal";
import { altNames, craft, directoryName, type Extension, type GeneralName } from "../../memberlist/test/certificates/crafted.ts";
import { createMemberlist, lanConfig, type LogFields, type MemberlistError } from "../src/index.ts";
import type { QuicTransport } from "../src/quic/quic-transport.ts";
import { der, diallerSignature, listenerSignature, random, RawDialler, RawListener, type Challenge } from "./quic-attacker.ts";
import { addressOf, ca, certificateOf, otherCa, start } from "./quic-support.ts";
import { nothing, silent, until } from "./support.ts";

const day = 24 * 60 * 60 * 1000;
const dialOptions = { timeout: 10_000 };

/** A node that others dial, and the refusals that it logs. */
async function listener(name = "server", label = ""): Promise<{ server: QuicTransport; refusals: string[] }> {
  const refusals: string[] = [];
  const warn = ({ code, reason }: LogFields): void => {
    if (code === "quic_peer_refused") refusals.push(String(reason));
  };
  const server = await start(name, { label, logger: { ...silent, warn } });
  server.listen({ packet: nothing, stream: nothing });
  return { server, refusals };
}

/** Checks that the listener refused one peer for this cause, and accepted none. */
async function refusedOnce(server: QuicTransport, refusals: readonly string[], code: string): Promise<void> {
  await until(() => refusals.length === 1, "a line about the refusal");
  strictEqual(refusals[0], code);
  strictEqual(server.counters.quicRefusedPeers, 1);
  strictEqual(server.connections, 0);
}

/** Shows its certificate to whoever dials next; nothing is proven. */
async function show(listener: RawListener, shown: CertificateAndKey): Promise<void> {
  const { control } = (await listener.accept()) ?? {};
  if (control === undefined) throw new Error("no connection");
  await control.receive(1);
  await control.send([random(32), random(16), der(shown), random(256)]);
}

Deno.test("the dialler refuses a node with a certificate of another authority", async () => {
  const { certificate, key } = await issueNodeCertificate(otherCa, { name: "server" });
  const stranger = await start("server", { ca: otherCa.certificate, certificate, key });
  const a = await start("a");
  await rejects(a.dial(addressOf(stranger, "server"), dialOptions), {
    code: "untrusted_peer",
    message: /not signed by this cluster's authority/,
  });
  await rejects(a.dial(addressOf(stranger), dialOptions), { code: "untrusted_peer" });
  await Promise.all([a.shutdown(), stranger.shutdown()]);
});

Deno.test("the listener refuses a node with a certificate of another authority, and sends the cause", async () => {
  const { server, refusals } = await listener();
  const { certificate, key } = await issueNodeCertificate(otherCa, { name: "a" });
  // It believes both authorities, so that only the listener has something against it.
  const stranger = await start("a", { ca: otherCa.certificate + ca.certificate, certificate, key });
  await rejects(stranger.dial(addressOf(server, "server"), dialOptions), {
    code: "untrusted_peer",
    message: /the peer refused this node: the certificate is not signed by this cluster's authority/,
  });
  await refusedOnce(server, refusals, "untrusted_peer");
  await Promise.all([server.shutdown(), stranger.shutdown()]);
});

Deno.test("a node with a certificate for another name than expected is refused as wrong_peer", async () => {
  const { server } = await listener();
  const a = await start("a");
  await rejects(a.dial(addressOf(server, "b"), dialOptions), { code: "wrong_peer", message: /it is node "server", not "b"/ });
  const failure = await new Promise<Error | undefined>((resolve) => {
    a.writeTo(Uint8Array.of(1), addressOf(server, "b"), resolve);
  });
  strictEqual((failure as MemberlistError).code, "wrong_peer");
  // Under its own name it is reached, at the same address.
  (await a.dial(addressOf(server, "server"), dialOptions)).close();
  await Promise.all([a.shutdown(), server.shutdown()]);
});

Deno.test("the dialler refuses a node with another label, with and without an expected name", async () => {
  const { server } = await listener("server", "blue");
  const a = await start("a", { label: "green" });
  for (const name of ["", "server"]) {
    await rejects(a.dial(addressOf(server, name), dialOptions), { code: "label_mismatch", message: /"server".*label "blue"/ });
  }
  await Promise.all([a.shutdown(), server.shutdown()]);
});

Deno.test("the listener refuses a node with another label", async () => {
  const { server, refusals } = await listener();
  const raw = await RawDialler.connect(server.bindPort, "server");
  await raw.prove(await certificateOf("a", "blue"));
  const { closeCode, reason } = await raw.refused();
  strictEqual(closeCode, 0x103);
  match(reason, /node "a" has a certificate for label "blue"/);
  await refusedOnce(server, refusals, "label_mismatch");
  await server.shutdown();
});

Deno.test("the dialler refuses an expired certificate, and one that is not valid yet", async () => {
  for (const validFrom of [new Date(Date.now() - 2 * day), new Date(Date.now() + day)]) {
    const expired = new RawListener(await issueNodeCertificate(ca, { name: "server", validFrom, validFor: day }));
    const accepted = expired.accept();
    const a = await start("a");
    await rejects(a.dial({ host: "127.0.0.1", port: expired.port, name: "server" }, dialOptions), {
      code: "certificate_expired",
    });
    await accepted;
    expired.close();
    await a.shutdown();
  }
});

Deno.test("the listener refuses an expired certificate, and one that is not valid yet", async () => {
  for (const validFrom of [new Date(Date.now() - 2 * day), new Date(Date.now() + day)]) {
    const { server, refusals } = await listener();
    const raw = await RawDialler.connect(server.bindPort, "server");
    await raw.prove(await issueNodeCertificate(ca, { name: "a", validFrom, validFor: day }));
    strictEqual((await raw.refused()).closeCode, 0x104);
    await refusedOnce(server, refusals, "certificate_expired");
    await server.shutdown();
  }
});

Deno.test("listener and dialler compare whole names of a certificate, not parts of a name", async () => {
  const inside: readonly GeneralName[] = [
    [2, "x, URI:memberlist:/admin"],
    [1, "x@example.com, URI:memberlist:/admin"],
    [4, directoryName("x, URI:memberlist:/admin")],
  ];
  for (const name of inside) {
    const { server, refusals } = await listener();
    const raw = await RawDialler.connect(server.bindPort, "server");
    await raw.prove(craft(ca, altNames(name)));
    strictEqual((await raw.refused()).closeCode, 0x101);
    await refusedOnce(server, refusals, "untrusted_peer");
    await server.shutdown();
  }
  const certificate = craft(ca, altNames([2, await serverNameOf({ name: "admin", label: "" })], ...inside));
  const fake = new RawListener(certificate);
  const shown = show(fake, certificate);
  const a = await start("a");
  await rejects(a.dial({ host: "127.0.0.1", port: fake.port, name: "admin" }, dialOptions), {
    code: "untrusted_peer",
    message: /must name one node/,
  });
  await shown;
  fake.close();
  await a.shutdown();
});

Deno.test("a certificate is valid for the roles of its key usage only", async () => {
  const names = async (name: string): Promise<Extension> =>
    altNames([2, await serverNameOf({ name, label: "" })], [6, `memberlist:/${name}`]);
  const { server, refusals } = await listener();
  const raw = await RawDialler.connect(server.bindPort, "server");
  await raw.prove(craft(ca, { name: "extKeyUsage", serverAuth: true }, await names("a")));
  strictEqual((await raw.refused()).closeCode, 0x101);
  await refusedOnce(server, refusals, "untrusted_peer");
  // To dial with, it does.
  const client = craft(ca, { name: "extKeyUsage", clientAuth: true }, await names("a"));
  const dialler = await RawDialler.connect(server.bindPort, "server");
  await dialler.prove(client);
  await until(() => server.connections === 1, "a connection");
  dialler.close();
  await rejects(start("a", client), { code: "invalid_config", message: /quic.certificate: .*no serverAuth/ });
  await server.shutdown();
});

Deno.test("members of an authority whose name is not ASCII accept each other", async () => {
  const authority = await createClusterCa({ name: "Zürich" });
  const [server, a] = await Promise.all(
    ["server", "ä"].map(async (name) => {
      const issued = await issueNodeCertificate(authority, { name });
      return start(name, { ca: authority.certificate, ...issued });
    }),
  );
  if (server === undefined || a === undefined) throw new Error("no members");
  server.listen({ packet: nothing, stream: (stream) => stream.close() });
  (await a.dial(addressOf(server, "server"), dialOptions)).close();
  strictEqual(server.connections, 1);
  await Promise.all([a.shutdown(), server.shutdown()]);
});

Deno.test("a connection ends when the peer's certificate expires", async () => {
  const validFrom = new Date(Date.now() - day);
  // Certificates count in seconds.
  const validFor = day + 3000;
  const { certificate, key } = await issueNodeCertificate(ca, { name: "a", validFrom, validFor });
  const { server } = await listener();
  const a = await start("a", { certificate, key });
  (await a.dial(addressOf(server), dialOptions)).close();
  strictEqual(server.connections, 1);
  await until(() => server.connections === 0, "the connection's end");
  await rejects(a.dial(addressOf(server), dialOptions), { code: "certificate_expired", message: /refused this node.*expired/ });
  await Promise.all([a.shutdown(), server.shutdown()]);
});

Deno.test("a peer that authorize rejects is refused, in both directions", async () => {
  const server = await start("server", { authorize: ({ name }) => name !== "a" });
  server.listen({ packet: nothing, stream: nothing });
  const [a, b] = [await start("a"), await start("b")];
  await rejects(a.dial(addressOf(server), dialOptions), {
    code: "not_authorized",
    message: /refused this node: node "a" is not authorised/,
  });
  a.listen({ packet: nothing, stream: nothing });
  await rejects(server.dial(addressOf(a), dialOptions), { code: "not_authorized", message: /node "a" is not authorised/ });
  (await b.dial(addressOf(server), dialOptions)).close();
  await Promise.all([a.shutdown(), b.shutdown(), server.shutdown()]);
});

Deno.test("a certificate without its key, and a proof with a bit changed, are refused", async () => {
  const { server, refusals } = await listener();
  const [own, stolen] = [await certificateOf("mallory"), await certificateOf("a")];
  const raw = await RawDialler.connect(server.bindPort, "server");
  await raw.prove({ certificate: stolen.certificate, key: own.key });
  strictEqual((await raw.refused()).closeCode, 0x101);
  const other = await RawDialler.connect(server.bindPort, "server");
  const challenge = await other.challenge();
  const instance = random(16);
  const signature = diallerSignature(own.key, challenge, instance, der(own));
  signature[7] = (signature[7] ?? 0) ^ 1;
  await other.control.send([instance, der(own), signature]);
  strictEqual((await other.refused()).closeCode, 0x101);
  await until(() => refusals.join() === "untrusted_peer,untrusted_peer", "two lines");
  strictEqual(server.connections, 0);
  await server.shutdown();
});

Deno.test("a proof is not valid for another connection to the same node", async () => {
  const { server } = await listener();
  const own = await certificateOf("a");
  const first = await RawDialler.connect(server.bindPort, "server");
  const challenge = await first.challenge();
  const instance = random(16);
  const second = await RawDialler.connect(server.bindPort, "server");
  await second.challenge(challenge.diallerNonce);
  await second.control.send([instance, der(own), diallerSignature(own.key, challenge, instance, der(own))]);
  strictEqual((await second.refused()).closeCode, 0x101);
  first.close();
  await server.shutdown();
});

Deno.test("a proof made for one node is refused by another, so it cannot be relayed", async () => {
  const { server, refusals } = await listener();
  const mallory = await certificateOf("mallory");
  const between = new RawListener(mallory);
  const a = await start("a");
  const dialled = rejects(a.dial({ host: "127.0.0.1", port: between.port, name: "mallory" }, dialOptions));
  const accepted = await between.accept();
  if (accepted === undefined) throw new Error("no connection");
  // Mallory hands the nonces through, and vouches for them by its own certificate, as it has to.
  const [diallerNonce] = await accepted.control.receive(1);
  const onward = await RawDialler.connect(server.bindPort, "server");
  const challenge = await onward.challenge(diallerNonce);
  const instance = random(16);
  const shown: Challenge = { ...challenge, serverName: accepted.serverName, listenerCertificate: der(mallory) };
  const signature = listenerSignature(mallory.key, shown, instance);
  await accepted.control.send([challenge.listenerNonce, instance, der(mallory), signature]);
  const proof = await accepted.control.receive(3);
  await onward.control.send(proof);
  strictEqual((await onward.refused()).closeCode, 0x101);
  await refusedOnce(server, refusals, "untrusted_peer");
  accepted.conn.close();
  await dialled;
  between.close();
  await Promise.all([a.shutdown(), server.shutdown()]);
});

Deno.test("a member that impersonates another one gets no proof", async () => {
  const { server } = await listener();
  const mallory = await certificateOf("mallory");
  const between = new RawListener(mallory);
  const a = await start("a");
  const dialled = rejects(a.dial({ host: "127.0.0.1", port: between.port, name: "" }, dialOptions), {
    code: "wrong_peer",
    message: /it shows the certificate of "server", but has not the key to it/,
  });
  // Asked who it is, Mallory answers with the server's own words.
  for (let asked = 0; asked < 3; asked++) {
    const accepted = await between.accept();
    // TLS has failed: `a` asked for the server, whose key Mallory does not have.
    if (accepted === undefined) continue;
    const [diallerNonce] = await accepted.control.receive(1);
    const onward = await RawDialler.connect(server.bindPort, "");
    await onward.control.send([diallerNonce ?? random(32)]);
    await accepted.control.send(await onward.control.receive(4));
    await accepted.control.ended();
    await rejects(accepted.control.receive(3));
    onward.close();
  }
  await dialled;
  between.close();
  await Promise.all([a.shutdown(), server.shutdown()]);
});

Deno.test("a member starts only with a certificate for its own name and label", async () => {
  const { certificate, key } = await certificateOf("a", "blue");
  const quic = { ca: ca.certificate, certificate, key };
  const base = { ...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0, logger: silent };
  for (const wrong of [{ name: "b", label: "blue" }, { name: "a" }])
    await rejects(createMemberlist({ ...base, ...wrong, quic }), {
      code: "invalid_config",
      message: /quic.certificate.*"a".*"blue"/,
    });
  await (await createMemberlist({ ...base, name: "a", label: "blue", quic })).shutdown();
});

Deno.test("credentials that no peer would accept are refused as invalid_config", async () => {
  const [a, b] = [await certificateOf("a"), await certificateOf("b")];
  const expired = await issueNodeCertificate(ca, { name: "a", validFrom: new Date(Date.now() - 2 * day), validFor: day });
  for (const [wrong, message] of [
    [{ ca: "" }, /quic.ca: no certificate/],
    [{ ca: otherCa.certificate }, /quic.certificate: .*not signed/],
    [{ ca: a.certificate }, /quic.ca: .*not an authority's/],
    [{ key: b.key }, /quic.key: not the key/],
    [{ key: "PEM" }, /quic.key/],
    [{ certificate: "PEM" }, /quic.certificate/],
    [expired, /quic.certificate: .*expired/],
    [{ certificate: ca.certificate, key: ca.key }, /quic.certificate/],
  ] as const)
    await rejects(start("a", wrong), { code: "invalid_config", message });
});

Deno.test("a start that fails by its certificate binds no port, and numbers that would remove a limit are refused", async () => {
  const { certificate, key } = await certificateOf("a");
  const probe = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr as Deno.NetAddr;
  probe.close();
  const quic = { ca: ca.certificate, certificate, key };
  const base = { ...lanConfig(), bindAddr: "127.0.0.1", bindPort: port, logger: silent };
  await rejects(createMemberlist({ ...base, name: "b", quic }), { code: "invalid_config" });
  for (const wrong of [
    { silenceTimeout: 0 },
    { handshakeTimeout: -1 },
    { idleTimeout: Number.NaN },
    { maxHandshakes: Number.NaN },
  ])
    await rejects(createMemberlist({ ...base, name: "a", quic: { ...quic, ...wrong } }), {
      code: "invalid_config",
      message: new RegExp(`quic.${Object.keys(wrong).join()}: must be`),
    });
  // The same port, in the same process.
  await (await createMemberlist({ ...base, name: "a", quic })).shutdown();
});

Deno.test("an authorize that returns a promise accepts no peer", async () => {
  const authorize = (async () => true) as unknown as () => boolean;
  const { server } = await listener();
  const a = await start("a", { authorize });
  await rejects(a.dial(addressOf(server), dialOptions), { code: "not_authorized" });
  await Promise.all([a.shutdown(), server.shutdown()]);
});
