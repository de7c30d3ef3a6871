import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { say, workspace, type Tarball } from "./packed-tarball.ts";
import { Figure, type Check } from "./release-checks.ts";

/** The licenses that what users install may have, beside an OR with others. */
const allowed = new Set(["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD", "MPL-2.0"]);

/** Where the SBOMs are kept, for the release workflow. */
const sbomFolder = join(workspace, "node_modules/.cache/release");

interface Licensed {
  readonly name: string;
  readonly versions: readonly string[];
}

interface Sbom {
  readonly bomFormat: string;
  readonly components: readonly { readonly purl: string; readonly licenses?: readonly unknown[] }[];
}

/** Checks the licenses of what users install with the packages, and writes a CycloneDX SBOM for each package. */
export async function checkLicenses(tarballs: readonly Tarball[], check: Check): Promise<void> {
  const filters = tarballs.flatMap(({ name }) => ["--filter", name]);
  const pnpm = ["-y", "pnpm@12", ...filters];
  let installed: Licensed[] = [];
  await check("the licenses of what users install", async () => {
    const listed = await say(workspace, "npx", ...pnpm, "licenses", "list", "--prod", "--json");
    const byLicense = Object.entries(JSON.parse(listed) as Readonly<Record<string, Licensed[]>>);
    installed = byLicense.flatMap(([, packages]) => packages);
    if (installed.length === 0) throw new Error(`pnpm lists no package: ${listed}`);
    const refused = byLicense.filter(([license]) => !isAllowed(license));
    if (refused.length > 0) throw new Error(refused.map(([license, them]) => `${license}: ${namesOf(them)}`).join("\n"));
    return new Figure(`${installed.length} packages: ${byLicense.map(([license]) => license).join(", ")}`);
  });
  for (const tarball of tarballs) {
    await check(`${tarball.name}: the licenses of what its build contains`, () => checkContained(tarball));
  }
  await check("an SBOM for each package", async () => {
    await rm(sbomFolder, { recursive: true, force: true });
    await mkdir(sbomFolder, { recursive: true });
    const out = join(sbomFolder, "%s-%v.cdx.json");
    await say(workspace, "npx", ...pnpm, "sbom", "--sbom-format", "cyclonedx", "--prod", "--split", "--out", out);
    const boms = await Promise.all(readdirSync(sbomFolder).map((file) => readSbom(join(sbomFolder, file))));
    if (boms.length !== tarballs.length) throw new Error(`there are ${boms.length} SBOMs for ${tarballs.length} packages`);
    const components = new Set(boms.flatMap((bom) => bom.components.map(({ purl }) => decodeURIComponent(purl))));
    const missing = installed.flatMap(({ name, versions }) => versions.map((version) => `pkg:npm/${name}@${version}`));
    const absent = missing.filter((purl) => !components.has(purl));
    if (absent.length > 0) throw new Error(`the SBOMs lack ${absent.join(", ")}`);
    return new Figure(`CycloneDX in ${sbomFolder.slice(workspace.length)}`);
  });
}

/** An expression of SPDX: one choice of an OR is enough. */
function isAllowed(license: string): boolean {
  const choices = license.replaceAll(/[()]/g, "").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((one) => allowed.has(one)));
}

function namesOf(packages: readonly Licensed[]): string {
  return packages.map(({ name, versions }) => `${name}@${versions.join(", ")}`).join(", ");
}

/** Packages that a bundler copied into the build need their license beside it: `dist/<name>.LICENSE`. */
async function checkContained({ content }: Tarball): Promise<void> {
  const dist = join(content, "dist");
  const maps = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js.map"));
  if (maps.length === 0) throw new Error("the build has no source map, which names what it contains");
  const contained = new Set<string>();
  for (const file of maps) {
    const { sources } = JSON.parse(await readFile(join(dist, file), "utf8")) as { sources: readonly string[] };
    for (const source of sources) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1];
      if (name !== undefined) contained.add(name);
    }
  }
  const lacking = [...contained].filter((name) => !existsSync(join(dist, `${name.replace(/^@[^/]+\//, "")}.LICENSE`)));
  if (lacking.length > 0) throw new Error(`dist contains ${lacking.join(", ")} without its license`);
}

async function readSbom(path: string): Promise<Sbom> {
  const bom = JSON.parse(await readFile(path, "utf8")) as Sbom;
  if (bom.bomFormat !== "CycloneDX") throw new Error(`${path} is not a CycloneDX SBOM`);
  return bom;
}
