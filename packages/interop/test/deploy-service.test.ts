import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateKey } from "@memberlist/core";
import { buildService } from "../src/node-toolchain.ts";
import { until } from "../src/until.ts";
import { MemberProcess } from "./member-process.ts";
import { freePort, nextHost } from "./support.ts";

let program = "";
let folder = "";
beforeAll(async () => {
  program = await buildService();
  folder = await mkdtemp(join(tmpdir(), "memberlist-service-"));
  await writeFile(join(folder, "gossip.key"), `${generateKey()}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Service {
  readonly process: MemberProcess;
  readonly http: string;
  readonly gossip: string;
}

/** The program of deploy/, as a container or a unit starts it. */
async function start(
  name: string,
  seeds: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Service & AsyncDisposable> {
  const host = nextHost();
  const port = String(await freePort());
  const started = new MemberProcess(program, {
    env: {
      PORT: port,
      MEMBERLIST_NAME: name,
      MEMBERLIST_BIND: `${host}:7946`,
      MEMBERLIST_LABEL: "shop-test",
      MEMBERLIST_PRESET: "local",
      MEMBERLIST_KEY_FILE: join(folder, "gossip.key"),
      MEMBERLIST_SEEDS: seeds.join(","),
      ...env,
    },
  });
  const dispose = (): Promise<void> => started[Symbol.asyncDispose]();
  return { process: started, http: `http://127.0.0.1:${port}`, gossip: `${host}:7946`, [Symbol.asyncDispose]: dispose };
}

async function get(url: string): Promise<string | undefined> {
  return fetch(url).then(
    async (response) => (response.ok ? response.text() : undefined),
    () => undefined,
  );
}

async function seesAll({ http, process: { stderr } }: Service, names: readonly string[]): Promise<void> {
  const expected = `${names.toSorted().join("\n")}\n`;
  await until(async () => (await get(`${http}/members`)) === expected, {
    what: expected,
    timeout: 30_000,
    details: () => stderr,
  });
}

describe("the program of deploy/", () => {
  it("becomes ready without peers, joins when they start, and leaves at SIGTERM with exit code 0", async () => {
    const absent = nextHost();
    await using first = await start("a", [`${absent}:7946`]);
    await until(() => get(`${first.http}/readyz`), { what: "the first is ready", timeout: 20_000 });
    expect(await get(`${first.http}/livez`)).toBe("ok\n");
    expect(await get(`${first.http}/other`)).toBeUndefined();
    await using second = await start("b", [first.gossip]);
    await Promise.all([first, second].map((each) => seesAll(each, ["a", "b"])));
    second.process.kill("SIGTERM");
    expect(await second.process.ended).toBe(0);
    expect(second.process.stdout).toBe("b has left the cluster: SIGTERM\n");
    await seesAll(first, ["a"]);
    first.process.kill("SIGINT");
    expect(await first.process.ended).toBe(0);
  });

  it("ends with an error that names the variables, and shows none of their values", async () => {
    const key = generateKey();
    await using service = await start("a", [], { MEMBERLIST_LABLE: key, MEMBERLIST_KEY: key });
    expect(await service.process.ended).toBe(1);
    expect(service.process.stderr).toContain("MEMBERLIST_LABLE: nothing reads this variable: did you mean MEMBERLIST_LABEL?");
    expect(service.process.stderr).toContain("MEMBERLIST_KEY: it excludes MEMBERLIST_KEY_FILE");
    expect(service.process.stderr).not.toContain(key.slice(0, 8));
  });

  it("ends with an error when its seeds refuse it", async () => {
    await using first = await start("a", []);
    await until(() => get(`${first.http}/readyz`), { what: "the first is ready", timeout: 20_000 });
    const other = { MEMBERLIST_KEY_FILE: "", MEMBERLIST_KEY: generateKey() };
    await using second = await start("b", [first.gossip], other);
    expect(await second.process.ended).toBe(1);
    expect(second.process.stderr).toContain("could not join");
  });
});
