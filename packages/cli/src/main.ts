#!/usr/bin/env node
import { createMemberlist, fetchMembers, fileStore } from "@memberlist/transport-node";
import { runCli } from "./cli.ts";

await runCli(process.argv.slice(2), { createMemberlist, fetchMembers, fileStore });
