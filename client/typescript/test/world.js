// The embedded localnet of the command line, with a market, nodes, a keeper and an IPFS.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const PROGRAM = process.env.NOSANA_DEPLOY ?? "nosana-deploy";

/**
 * Starts a localnet, and stops it when the test is over. Returns what it prints: `rpc_url`, `market`, `keypair` and more.
 */
export async function localnet(context) {
  const home = mkdtempSync(join(tmpdir(), "nosana-deploy-"));
  const facts = await started(context, ["localnet", "--output", "json"], home);
  context.after(() => rmSync(home, { recursive: true, force: true }));
  const secret = Uint8Array.from(JSON.parse(readFileSync(facts.keypair, "utf8")));
  return { ...facts, home, secret };
}

/** Starts the program and waits for the one JSON object that it prints first. */
export async function started(context, args, home) {
  const child = spawn(PROGRAM, args, { env: { ...process.env, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  context.after(async () => {
    child.kill("SIGINT");
    await ended;
  });
  let complaints = "";
  child.stderr.on("data", (chunk) => (complaints += chunk));
  let printed = "";
  for await (const line of createInterface({ input: child.stdout })) {
    printed += line;
    try {
      return JSON.parse(printed);
    } catch {
      // The object goes on.
    }
  }
  throw new Error(`\`${PROGRAM} ${args.join(" ")}\` ended: ${printed}${complaints}`);
}

/** Asks until the answer is there, for a minute at most. */
export async function until(what, ask) {
  for (let tries = 0; tries < 240; tries++) {
    const answer = await ask();
    if (answer) return answer;
    await sleep(250);
  }
  throw new Error(`${what} did not happen within a minute`);
}
