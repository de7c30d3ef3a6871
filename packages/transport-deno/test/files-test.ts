/**
 * Run by Deno with its sanitizers, twice: with the permission for the folder that the first argument names, and without ("denied"). In it
 * lies `resolv.conf`, with a name server that deno.test.ts runs.
 */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { createMemberlist, fileStore, localConfig, srvSeeds, type Memberlist } from "../src/index.ts";
import { bind, silent, until } from "./support.ts";

const [folder = "", denied] = Deno.args;
const dnsConfigPath = `${folder}/resolv.conf`;
const options = { dnsConfigPath, timeout: 10_000 };
const service = "_memberlist._tcp.example.test";
const local = { ...localConfig(), bindAddr: "127.0.0.1", bindPort: 0, logger: silent };

if (denied === undefined) {
  Deno.test("SRV records and addresses come from the name server of dnsConfigPath", async () => {
    const transport = await bind();
    const found = await transport.resolveSrv(`${service}.`, options);
    deepStrictEqual(
      found.toSorted((x, y) => x.port - y.port),
      [
        { host: "a.example.test", port: 7001, priority: 2, weight: 5 },
        { host: "b.example.test", port: 7002, priority: 1, weight: 0 },
      ],
    );
    deepStrictEqual((await transport.resolve("a.example.test", options)).toSorted(), ["127.0.0.1", "::1"]);
    await rejects(transport.resolveSrv("_none._tcp.example.test", options), { code: "resolve_failed" });
    await rejects(transport.resolveSrv(service, { ...options, signal: AbortSignal.abort() }), { code: "aborted" });
    await rejects(transport.resolveSrv("_slow._tcp.example.test", { ...options, timeout: 50 }), { code: "timeout" });
    const stopped = transport.resolveSrv("_slow._tcp.example.test", options);
    await Promise.all([rejects(stopped, { code: "shutdown" }), transport.shutdown()]);
  });

  Deno.test("the system's resolver is asked if the name server of dnsConfigPath knows no address", async () => {
    const transport = await bind();
    strictEqual((await transport.resolve("localhost.", options)).includes("127.0.0.1"), true);
    await transport.shutdown();
  });

  Deno.test("a member joins by SRV records", async () => {
    const a = await createMemberlist({ ...local, name: "a", bindPort: 0 });
    const b = await createMemberlist({ ...local, name: "b", dnsConfigPath });
    await Deno.writeTextFile(`${folder}/seed-port`, String(a.localNode().port));
    await b.join([srvSeeds("_live._tcp.example.test")]);
    await until(() => a.members().length === 2 && b.members().length === 2, "both to see both");
    await Promise.all([a.shutdown(), b.shutdown()]);
  });

  Deno.test("fileStore loads the last save, from a file that only its owner can read, and leaves no other file", async () => {
    const inner = `${folder}/store`;
    await Deno.mkdir(inner);
    const store = fileStore(`${inner}/node.json`);
    strictEqual(await store.load(), undefined);
    await store.save("a long first text");
    await store.save("second");
    strictEqual(await store.load(), "second");
    deepStrictEqual(
      [...Deno.readDirSync(inner)].map((entry) => entry.name),
      ["node.json"],
    );
    strictEqual((Deno.statSync(`${inner}/node.json`).mode ?? 0) & 0o777, 0o600);
    await rejects(async () => fileStore(`${inner}/node.json/below/node.json`).save("x"), /cannot write .*node\.json/);
    await rejects(async () => fileStore(inner).load(), /EISDIR/);
  });

  Deno.test("fileStore restores the cluster of a restarted node", async () => {
    const store = fileStore(`${folder}/b.json`);
    const a = await createMemberlist({ ...local, name: "a" });
    const b = await createMemberlist({ ...local, name: "b", store });
    await b.join([`127.0.0.1:${a.localNode().port}`]);
    const { port } = b.localNode();
    await b.shutdown();
    const again = await createMemberlist({ ...local, name: "b", bindPort: port, store });
    await again.ready({ members: 2, timeout: 10_000 });
    strictEqual(
      again.recentEvents().some(({ type }) => type === "refute"),
      false,
    );
    await Promise.all([a.shutdown(), again.shutdown()]);
  });
} else {
  Deno.test("without permission for a file, the error names it, Deno does not prompt, and the member starts", async () => {
    const transport = await bind();
    await rejects(transport.resolveSrv(service, options), { code: "resolve_failed", message: /--allow-read=.*resolv\.conf/ });
    await transport.shutdown();
    const store = fileStore(`${folder}/denied.json`);
    await rejects(async () => store.load(), /no permission to read .*denied\.json: it needs --allow-read=/);
    await rejects(async () => store.save("x"), /cannot write .*denied\.json: no permission/);
    const member: Memberlist = await createMemberlist({ ...local, name: "a", store });
    strictEqual(member.counters()["store_load_failed"], 1);
    await member.shutdown();
  });
}
