// Maps each behaviour that the Go library's own tests cover to our tests, which bear its name in brackets in their title.
// usage: node scripts/parity.mjs           writes docs/internals/parity.md
//        node scripts/parity.mjs --check   fails when docs/internals/parity.md is out of date, a behaviour has neither test nor reason,
//                                          or a title names a behaviour that nobody knows
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const page = "docs/internals/parity.md";

/** By the Go library's test files, without their `Test` and `MemberList_`, `Memberlist_`. */
const behaviours = {
  awareness: ["Awareness"],
  broadcast: ["MemberlistBroadcast_Invalidates", "MemberlistBroadcast_Message"],
  config: ["IsValidAddressDefaults", "IsValidAddressOverride"],
  integ: ["Integ"],
  keyring: [
    "Keyring_EmptyRing",
    "Keyring_PrimaryOnly",
    "Keyring_GetPrimaryKey",
    "Keyring_AddRemoveUse",
    "KeyRing_MultiKeyEncryptDecrypt",
    "Keyring_AddConcurrentKeys",
  ],
  label: [
    "AddLabelHeaderToPacket",
    "RemoveLabelHeaderFromPacket",
    "AddLabelHeaderToStream",
    "RemoveLabelHeaderFromStream",
    "LabelOverhead",
  ],
  logging: ["Logging_Address", "Logging_Conn"],
  memberlist: [
    "DefaultLANConfig_protocolVersion",
    "Create_protocolVersion",
    "Create_secretKey",
    "Create_secretKeyEmpty",
    "Create_checkBroadcastQueueMetrics",
    "Create_keyringOnly",
    "Create_keyringAndSecretKey",
    "Create_invalidLoggerSettings",
    "Create",
    "CreateShutdown",
    "ResolveAddr",
    "ResolveAddr_TCP_First",
    "Members",
    "Join",
    "Join_with_Labels",
    "Join_with_Labels_and_Encryption",
    "JoinDifferentNetworksUniqueMask",
    "JoinDifferentNetworksMultiMasks",
    "Join_Cancel",
    "Join_Cancel_Passive",
    "Join_protocolVersions",
    "Leave",
    "JoinShutdown",
    "delegateMeta",
    "delegateMeta_Update",
    "UserData",
    "SendTo",
    "MemberlistProtocolVersion",
    "Join_DeadNode",
    "Join_Protocol_Compatibility",
    "Join_IPv6",
    "AdvertiseAddr",
    "conflictDelegate",
    "PingDelegate",
    "EncryptedGossipTransition",
  ],
  net: [
    "HandleCompoundPing",
    "HandlePing",
    "HandlePing_WrongNode",
    "HandleIndirectPing",
    "TCPPing",
    "TCPPushPull",
    "SendMsg_Piggyback",
    "EncryptDecryptState",
    "RawSendUdp_CRC",
    "IngestPacket_CRC",
    "IngestPacket_ExportedFunc_EmptyMessage",
    "Gossip_MismatchedKeys",
    "HandleCommand",
    "ReadRemoteState_Limits",
    "ReadUserMsg_Limit",
    "HandleConn_NilConnAfterRemoveLabelHeaderFromStream",
  ],
  queue: [
    "LimitedBroadcastLess",
    "TransmitLimited_Queue",
    "TransmitLimited_GetBroadcasts",
    "TransmitLimited_GetBroadcasts_Limit",
    "TransmitLimited_Prune",
    "TransmitLimited_ordering",
  ],
  security: ["PKCS7", "EncryptDecrypt_V0", "EncryptDecrypt_V1"],
  state: [
    "Probe",
    "ProbeNode_Suspect",
    "ProbeNode_Suspect_Dogpile",
    "ProbeNode_FallbackTCP",
    "ProbeNode_FallbackTCP_Disabled",
    "ProbeNode_FallbackTCP_OldProtocol",
    "ProbeNode_Awareness_Degraded",
    "ProbeNode_Wrong_VSN",
    "ProbeNode_Awareness_Improved",
    "ProbeNode_Awareness_MissedNack",
    "ProbeNode_Awareness_OldProtocol",
    "ProbeNode_Buddy",
    "ProbeNode",
    "Ping",
    "ResetNodes",
    "NextSeq",
    "setProbeChannels",
    "setAckHandler",
    "invokeAckHandler",
    "invokeAckHandler_Channel_Ack",
    "invokeAckHandler_Channel_Nack",
    "AliveNode_NewNode",
    "AliveNode_SuspectNode",
    "AliveNode_Idempotent",
    "AliveNode_ChangeMeta",
    "AliveNode_Refute",
    "AliveNode_Conflict",
    "SuspectNode_NoNode",
    "SuspectNode",
    "SuspectNode_DoubleSuspect",
    "SuspectNode_OldSuspect",
    "SuspectNode_Refute",
    "DeadNode_NoNode",
    "DeadNodeLeft",
    "DeadNode",
    "DeadNode_Double",
    "DeadNode_OldDead",
    "DeadNode_AliveReplay",
    "DeadNode_Refute",
    "MergeState",
    "Gossip",
    "GossipToDead",
    "FailedRemote",
    "PushPull",
    "VerifyProtocol",
  ],
  suspicion: ["Suspicion_remainingSuspicionTime", "Suspicion_Timer", "Suspicion_Timer_ZeroK", "Suspicion_Timer_Immediate"],
  transport: ["Transport_Join", "Transport_Send", "Transport_TcpListenBackoff"],
  util: [
    "Util_PortFunctions",
    "EncodeDecode",
    "RandomOffset",
    "RandomOffset_Zero",
    "SuspicionTimeout",
    "RetransmitLimit",
    "ShuffleNodes",
    "PushPullScale",
    "MoveDeadNodes",
    "KRandomNodes",
    "MakeCompoundMessage",
    "DecodeCompoundMessage",
    "DecodeCompoundMessage_NumberOfPartsOverflow",
    "DecodeCompoundMessage_Trunc",
    "CompressDecompressPayload",
    "DecompressPayload_Limit",
  ],
};

/** The reasons why behaviours have no test of their own. A test, once written, takes the reason's place. */
const reasons = {};

const all = Object.values(behaviours).flat();
const known = new Set(all);

/** Every title that names behaviours, in the order of the files: `{file, title}` by behaviour. */
function findTests() {
  const found = new Map(all.map((name) => [name, []]));
  const unknown = [];
  for (const file of testFiles()) {
    for (const title of titles(readFileSync(file, "utf8"))) {
      for (const [, name] of title.matchAll(/\[(\w+)\]/g)) {
        if (known.has(name)) found.get(name).push({ file, title });
        else if (/^[A-Za-z]+(?:_[A-Za-z]\w*)+$/.test(name)) unknown.push(`${file}: ${name}`);
      }
    }
  }
  return { found, unknown };
}

function testFiles() {
  const folders = readdirSync("packages").map((name) => `packages/${name}/test`);
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => `${folder}/${file.replaceAll("\\", "/")}`))
    .filter((file) => file.endsWith(".test.ts"))
    .sort();
}

/** The texts that calls begin with, such as `it("…"` and `it.each(…)("…"`, as far as they name anything in brackets. */
function titles(source) {
  const texts = /\(\s*(["'`])((?:\\.|(?!\1)[^\\])*)\1/g;
  return [...source.matchAll(texts)].map(([, , text]) => text.replaceAll(/\s+/g, " ")).filter((text) => /\[\w+\]/.test(text));
}

function render(found) {
  const tested = all.filter((name) => found.get(name).length > 0).length;
  const lines = [
    "# Parity with the Go library's own tests",
    "",
    `The Go library's tests cover ${all.length} behaviours. Each has a test of ours (its own code), or a reason why not: ${tested} have tests.`,
    "A test names what it covers in brackets in its title. Written by `node scripts/parity.mjs`; `--check` verifies it.",
  ];
  for (const [group, names] of Object.entries(behaviours)) {
    lines.push("", `## ${group}`, "", "| behaviour | test, or the reason for its absence |", "| --- | --- |");
    for (const name of names) lines.push(`| ${name} | ${cell(name, found.get(name))} |`);
  }
  return `${lines.join("\n")}\n`;
}

function cell(name, tests) {
  if (tests.length === 0) return reasons[name] ?? "**none**";
  return [...groupByFile(tests)]
    .map(([file, list]) => `\`${file}\`: ${list.map(({ title }) => escape(title)).join("; ")}`)
    .join("<br>");
}

function groupByFile(tests) {
  const byFile = new Map();
  for (const test of tests) byFile.set(test.file, [...(byFile.get(test.file) ?? []), test]);
  return byFile;
}

/** The title without the names, which the first column has, and with Markdown's characters escaped. */
function escape(title) {
  return title
    .replaceAll(/\s*\[\w+\]\s*/g, " ")
    .trim()
    .replaceAll(/[\\|<>*_`[\]]/g, "\\$&");
}

const { found, unknown } = findTests();
const missing = all.filter((name) => found.get(name).length === 0 && reasons[name] === undefined);
const text = render(found);
const problems = [
  ...missing.map((name) => `${name} has neither a test nor a reason`),
  ...unknown.map((name) => `${name} is not a behaviour of the Go library's tests`),
  ...Object.keys(reasons)
    .filter((name) => !known.has(name))
    .map((name) => `a reason for ${name}, which nobody knows`),
];

if (process.argv.includes("--check")) {
  let written = "";
  try {
    written = readFileSync(page, "utf8");
  } catch {
    problems.push(`${page} is missing`);
  }
  if (written !== "" && written !== text) problems.push(`${page} is out of date: run node scripts/parity.mjs`);
} else {
  writeFileSync(page, text);
}
for (const problem of problems) console.error(`parity: ${problem}`);
console.log(`parity: ${all.length} behaviours, ${all.filter((name) => found.get(name).length > 0).length} with tests`);
process.exit(problems.length === 0 ? 0 : 1);
