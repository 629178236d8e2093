// Random requests made from the server's own description: none is answered with an error of the server's.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { getBase58Decoder, signBytes } from "@solana/kit";
import { definition, served } from "./serve.js";

const MESSAGE = "NosanaApiAuthentication";

test("no request that fits the description, or nearly does, breaks the server", { timeout: 600_000 }, async (context) => {
  const { world, wallet, url } = await served(context, { actsFor: true });
  const signature = await signBytes(wallet.keyPair.privateKey, new TextEncoder().encode(MESSAGE));
  const headers = { "x-user-id": wallet.address, Authorization: `${MESSAGE}:${getBase58Decoder().decode(signature)}` };
  const body = { name: "fuzzed", market: world.market, replicas: 1, timeout: 60, strategy: "INFINITE", job_definition: definition("nginx") };
  const created = await fetch(`${url}/api/deployments/create`, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const { id, vault } = await created.json();

  const args = [
    "run",
    `${url}/docs/openapi.json`,
    ...["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"],
    ...["--max-examples", "15", "--seed", "1", "--workers", "2", "--no-color", "--generation-database", "none"],
    // A stream does not end; and the deployment has to be there until the end.
    ...["--exclude-path-regex", "/(stream|archive)$", "--exclude-method", "DELETE"],
    ...Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}: ${value}`]),
  ];
  // First with whatever names come up; then with the deployment that is there.
  const named = join(world.home, "schemathesis.toml");
  writeFileSync(named, `[parameters]\n"path.deployment" = "${id}"\n"path.vault" = "${vault}"\n"query.owner" = "${wallet.address}"\n`);
  for (const config of [[], ["--config-file", named]]) {
    const [code, printed] = await ran([...config, ...args], world.home);
    assert.equal(code, 0, printed);
  }
  // It still answers; and some requests did something to the deployment.
  const { pagination } = await (await fetch(`${url}/api/deployments/${id}/events`)).json();
  assert.ok(pagination.total_items > 5, `${pagination.total_items} events`);
});

function ran(args, cwd) {
  const schemathesis = spawn(process.env.SCHEMATHESIS ?? "schemathesis", args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const out of [schemathesis.stdout, schemathesis.stderr]) out.on("data", (chunk) => (printed += chunk));
  return new Promise((resolve) => schemathesis.once("close", (code) => resolve([code, printed])));
}
