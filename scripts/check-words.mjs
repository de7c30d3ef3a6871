// Finds words that this project does not use, in prose, messages, comments and identifiers (camelCase is taken apart), and prints what to write instead.
// `node scripts/check-words.mjs [path ...]`: the files below the paths, or all.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** [pattern, replacement, files where the words are right]. Identifiers are matched as separate lower-case words: `onKeyWornOut` is "on key worn out". */
const rules = [
  [/\bbreath(e|es|ed|ing|s)?\b/, "yield to the event loop"],
  [/\bclaim(s|ed|ing)?\b/, "alive, suspect or dead message; membership update"],
  [/\bnews\b/, "events (for the application), membership updates (on the wire)"],
  [/\b(un)?t(ell|ells|old|elling)\b/, "notify, report, say, show"],
  [/\b(say|says|said|saying) why\b/, "give the cause"],
  [/\b(come|comes|came|coming) back\b/, "rejoin (a member), return"],
  [/\balarms?\b/, "engine timer"],
  [/\bpresence\b/, "local node"],
  [/\b(held|hold|holds|holding) up\b/, "a blocked event loop"],
  [/\ba text\b/, "a string"],
  [/\bworn\b/, "reached its usage limit"],
  [/\b(introduce[sd]?|introducing|introduction)\b/, "preload"],
  [/\b(un)?seal(s|ed|ing)?\b/, "encode (the layers of a packet), encrypt (AES)"],
  [/\bknown nodes\b/, "unchanged-state filter"],
  [
    /(?<!async local storage\.|heap |inline |memberlist |write |vm )\bsnapshots?\b/,
    "node view, saved state",
    /^packages\/bench\//,
  ],
  [/\bwhat does not fit\b/, "packets that fail to decode"],
  [/\bthere (is|are|was|were) (no|none|nothing)\b/, 'the subject that lacks it: "the runtime has no …", "without …"'],
  [/\b(is|are|was|were) no (?!longer\b|more\b)/, '"is not a …", "has no …"'],
  [/\b(is|are|was|were) no longer\b/, "what is true now, and since when"],
  [/\baes codec\b/, "crypto"],
  [/\b(is|are|was|were) nothing\b/, "what happens instead"],
  [/\bnothing to say\b/, "reports no …, sends no …"],
  [/\bwhatever the\b/, "for every …, with any …"],
];

const found = [];
for (const file of listFiles(process.argv.slice(2))) {
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    const words = line
      .replaceAll(/([a-z\d])([A-Z])/g, "$1 $2")
      .replaceAll(/[_-]/g, " ")
      .toLowerCase();
    for (const [pattern, instead, exempt] of rules) {
      if (exempt?.test(file)) continue;
      const match = pattern.exec(words);
      if (match !== null) found.push(`${file}:${index + 1}: "${match[0].trim()}": write ${instead}`);
    }
  }
}
for (const line of found) console.error(line);
console.log(`words: ${found.length === 0 ? "none that we do not use" : `${found.length} that we do not use`}`);
process.exit(found.length === 0 ? 0 : 1);

/** @param {string[]} paths */
function listFiles(paths) {
  const { stdout } = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...paths], {
    encoding: "utf8",
  });
  return stdout.split("\n").filter((file) => /\.(ts|mts|mjs|cjs|md)$/.test(file) && !/check-words\.mjs$|\.api\.md$/.test(file));
}
