// `pnpm wasm`: compiles packages/memberlist/assembly/*.ts (AssemblyScript) into packages/memberlist/src/wire/compression, as text that a module can hold.
// `--check` compares what is there with its source by a hash, `--verify` compiles again and compares; neither writes.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const memberlist = new URL("../packages/memberlist/", import.meta.url);
const compiler = `assemblyscript@${JSON.parse(readFileSync(new URL("package.json", memberlist), "utf8")).devDependencies.assemblyscript}`;
const asc = fileURLToPath(new URL("node_modules/assemblyscript/bin/asc.js", memberlist));
const flags = ["-O3", "--runtime", "stub", "--noAssert", "--enable", "simd", "--initialMemory", "8"];
const from = new URL("assembly/", memberlist);
const to = new URL("src/wire/compression/", memberlist);

const mode = process.argv[2] ?? "--write";
if (!["--write", "--check", "--verify"].includes(mode)) {
  console.error("usage: node scripts/wasm.mjs [--check | --verify]");
  process.exit(2);
}

let failed = 0;
for (const file of readdirSync(from).filter((name) => name.endsWith(".ts"))) {
  const target = new URL(`${file.replace(/\.ts$/, "")}-wasm-bytes.ts`, to);
  const name = file.replace(/\.ts$/, "");
  const there = existsSync(target) ? readFileSync(target, "utf8") : "";
  const hash = createHash("sha256")
    .update(readFileSync(new URL(file, from)))
    .update([compiler, ...flags].join(" "))
    .digest("hex");
  if (mode === "--check") {
    if (!there.includes(hash))
      fail(`${target.pathname.split("/").at(-1)} was not made from assembly/${file} as it is: run "npx -y pnpm@12 wasm"`);
    continue;
  }
  const made = moduleOf(name, hash, compile(new URL(file, from).pathname));
  if (mode === "--write") writeFileSync(target, made);
  else if (made !== there) fail(`${target.pathname.split("/").at(-1)} is not what ${compiler} makes of assembly/${file}`);
}
process.exit(failed === 0 ? 0 : 1);

function fail(message) {
  console.error(`wasm: ${message}`);
  failed++;
}

/** @param {string} source */
function compile(source) {
  const folder = mkdtempSync(join(tmpdir(), "wasm-"));
  try {
    const outfile = join(folder, "out.wasm");
    const { status } = spawnSync(process.execPath, [asc, source, ...flags, "-o", outfile], { stdio: "inherit" });
    if (status !== 0) throw new Error(`${compiler} could not compile ${source}`);
    return readFileSync(outfile);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} name
 * @param {string} hash
 * @param {Buffer} bytes
 */
function moduleOf(name, hash, bytes) {
  const constant = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
  return `// Made by \`pnpm wasm\` from assembly/${name}.ts (with the compiler's name and flags: sha256 ${hash}).\n/** A WebAssembly module of ${bytes.length} bytes, in base64. */\nexport const ${constant}: string =\n  "${bytes.toString("base64")}";\n`;
}
