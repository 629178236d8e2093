// What a stranger gets: the package as npm packs it, installed into an empty folder.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const PACKAGE = resolve(import.meta.dirname, "..");

const PROGRAM = `
import { createNoopSigner } from "@solana/kit";
import { fromJson, vaultAddress, type Creation } from "@nosana-deploy/client";
const owner = createNoopSigner(await vaultAddress("11111111111111111111111111111111" as never));
const text: string = '{"name": "a", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ", "replicas": 1, "timeout": 60, "strategy": "SIMPLE", "job_definition": {"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}}';
const creation: Creation = await fromJson(text, { owner, id: 0n, pricePerSecond: 1n });
console.log(creation.instructions.length);
`;

test("the packed package installs, type-checks and runs", { timeout: 300_000 }, (context) => {
  const folder = mkdtempSync(join(tmpdir(), "nosana-deploy-package-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const npm = (cwd, ...args) => execFileSync("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd, encoding: "utf8" });
  const [{ filename, files }] = JSON.parse(npm(PACKAGE, "pack", "--ignore-scripts", "--json", "--pack-destination", folder));
  const names = files.map(({ path }) => path);
  assert.ok(["README.md", "LICENSE", "package.json", "dist/index.js", "dist/index.d.ts"].every((name) => names.includes(name)), names.join(" "));
  assert.ok(names.every((name) => name.startsWith("dist/") || !name.includes("/")), names.join(" "));

  const { version } = JSON.parse(readFileSync(join(PACKAGE, "node_modules/@solana/kit/package.json"), "utf8"));
  const typescript = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")).devDependencies.typescript;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  npm(folder, "install", "--prefer-offline", join(folder, filename), `@solana/kit@${version}`, `typescript@${typescript}`);
  writeFileSync(join(folder, "program.ts"), PROGRAM);
  const compiler = join(folder, "node_modules/typescript/bin/tsc");
  const options = ["--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "program.ts"];
  execFileSync(process.execPath, [compiler, ...options], { cwd: folder, stdio: "inherit" });
  assert.equal(execFileSync(process.execPath, ["program.js"], { cwd: folder, encoding: "utf8" }), "2\n");
});
