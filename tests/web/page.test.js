// The page in headless Chromium, with a wallet of the Wallet Standard that holds the localnet's key.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { served } from "./serve.js";

const SCREENSHOTS = process.env.SCREENSHOTS ?? join(import.meta.dirname, "screenshots");
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Runs in the page: a wallet that signs with a key, or refuses if `window.walletRefuses`. */
function testWallet({ address, publicKey, privateKey }) {
  const account = { address, publicKey: Uint8Array.from(publicKey), chains: ["solana:localnet"], features: ["solana:signTransaction"] };
  const key = crypto.subtle.importKey("pkcs8", Uint8Array.from(privateKey), "Ed25519", false, ["sign"]);
  const signTransaction = async (...inputs) => {
    if (window.walletRefuses) throw new Error("User rejected the request");
    return Promise.all(inputs.map(async ({ transaction }) => {
      // One signature: its count, itself, the message.
      const signature = await crypto.subtle.sign("Ed25519", await key, transaction.slice(65));
      const signedTransaction = transaction.slice();
      signedTransaction.set(new Uint8Array(signature), 1);
      return { signedTransaction };
    }));
  };
  window.testAccount = account;
  const wallet = {
    version: "1.0.0",
    name: "Test wallet",
    icon: "data:image/svg+xml;base64,",
    chains: ["solana:localnet"],
    accounts: [account],
    features: {
      "standard:connect": { version: "1.0.0", connect: async () => ({ accounts: [account] }) },
      "solana:signTransaction": { version: "1.0.0", supportedTransactionVersions: ["legacy", 0], signTransaction },
    },
  };
  const callback = ({ register }) => register(wallet);
  window.addEventListener("wallet-standard:app-ready", ({ detail }) => callback(detail));
  window.dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: callback }));
}

/** An Ed25519 seed as PKCS#8. */
const pkcs8 = (seed) => [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20, ...seed];

test("a deployment's life in a browser", { timeout: 400_000 }, async (context) => {
  const { world, wallet, url } = await served(context);
  mkdirSync(SCREENSHOTS, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
  context.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 }, colorScheme: "light" });
  const complaints = [];
  const foreign = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => request.url().startsWith(url) || foreign.push(request.url()));
  const key = { address: wallet.address, publicKey: [...world.secret.slice(32)], privateKey: pkcs8(world.secret.slice(0, 32)) };
  await page.addInitScript(testWallet, key);
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => window.violations.push(`${violatedDirective} ${blockedURI}`));
  });
  const shot = (name) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });

  await page.goto(url);
  await shot("1-empty");
  await page.getByRole("button", { name: "Connect Test wallet" }).click();
  await page.getByText("The wallet holds 1000 NOS").waitFor();

  // What is wrong with a draft is said beside it.
  const editor = page.getByLabel("A deployment's JSON");
  const draft = (replicas) => `{"name": "from a browser", "market": "${world.market}", // comments are fine
  "replicas": ${replicas}, "timeout": 60, "strategy": "INFINITE",
  "job_definition": {"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "web", "args": {"image": "nginx", "expose": 80}}]}}`;
  await editor.fill(draft(101));
  await page.getByText("replicas: 101 is not valid").waitFor();
  await shot("2-errors");
  await editor.fill(draft(1));
  await page.getByRole("button", { name: "Create…" }).click();

  /** Looks at what the dialog says, and agrees. */
  const agree = async (message, name) => {
    const dialog = page.getByRole("dialog");
    await dialog.getByText(message).waitFor();
    if (name) await shot(name);
    await dialog.getByRole("button", { name: "Sign in the wallet" }).click();
    await page.getByRole("status").filter({ hasText: message }).filter({ hasText: "Done" }).waitFor({ timeout: 60_000 });
  };
  await agree(/Create deployment "from a browser"/, "3-confirm");
  const card = page.getByRole("article").filter({ hasText: "from a browser" });
  const inStatus = (status) => card.locator(".status").filter({ hasText: status }).waitFor({ timeout: 60_000 });
  await inStatus("DRAFT");

  // A wallet that refuses, and a dialog that is cancelled: nothing is sent.
  await page.evaluate(() => { window.walletRefuses = true; });
  await card.getByRole("button", { name: "Start…" }).click();
  await page.getByRole("button", { name: "Sign in the wallet" }).click();
  await page.getByRole("alert").getByText("Test wallet did not sign (User rejected the request); nothing was sent").waitFor();
  await page.evaluate(() => { window.walletRefuses = false; });
  // A wallet that is for another cluster.
  await page.evaluate(() => { window.testAccount.chains = ["solana:mainnet"]; });
  await card.getByRole("button", { name: "Start…" }).click();
  await page.getByRole("button", { name: "Sign in the wallet" }).click();
  await page.getByRole("alert").getByText("the wallet's account is for solana:mainnet, and this server's cluster is solana:localnet; nothing was sent").waitFor();
  await page.evaluate(() => { window.testAccount.chains = ["solana:localnet"]; });
  await card.getByRole("button", { name: "Start…" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled; nothing was sent.").waitFor();
  await inStatus("DRAFT");

  const vault = page.getByRole("article").filter({ hasText: "Vault 0" });
  await vault.getByLabel("NOS").fill("100");
  await vault.getByLabel("SOL").fill("1");
  await vault.getByRole("button", { name: "Fund…" }).click();
  await agree(/Move 100 NOS and 1 SOL into vault 0/);
  await card.getByRole("button", { name: "Start…" }).click();
  await agree(/Start "from a browser"/);
  await inStatus("RUNNING");

  await card.getByLabel("Replicas of from a browser").fill("2");
  await card.getByRole("button", { name: "Scale…" }).click();
  await agree(/Change the settings of "from a browser"/);
  await card.getByText("2 of 2").waitFor({ timeout: 60_000 });
  await card.getByText("Endpoints").click();
  await card.getByText("up", { exact: true }).waitFor({ timeout: 30_000 });
  await card.getByText("Jobs and results").click();
  await card.getByRole("cell", { name: "RUNNING" }).first().waitFor({ timeout: 30_000 });
  await shot("4-running");
  // As README shows it.
  const { y } = await page.getByRole("heading", { name: "Create" }).boundingBox();
  await page.screenshot({ path: join(SCREENSHOTS, "page.png"), fullPage: true, clip: { x: 0, y: 0, width: 1100, height: y } });

  // By keyboard alone, dark, and on a small screen.
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 400, height: 800 });
  await shot("5-small-dark");
  const isCut = () => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(await isCut(), false, "everything is readable at 400 pixels");
  const stop = card.getByRole("button", { name: "Stop…" });
  await stop.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText(/Stop "from a browser"/).waitFor();
  await page.getByRole("button", { name: "Sign in the wallet" }).focus();
  await page.keyboard.press("Enter");
  await inStatus("STOPPED");

  const result = card.getByRole("button", { name: "Result" }).first();
  await result.click();
  await card.getByText("none that this server gets").first().waitFor();
  await editor.fill(draft(1).replace("INFINITE", "SCHEDULED").replace('"timeout"', '"schedule": "0 0 * * *", "autostart": true, "timeout"').replace("from a browser", "nightly"));
  await page.getByRole("button", { name: "Create…" }).click();
  await agree(/Create deployment "nightly"/);
  await page.getByText(/Fires at "0 0 \* \* \*" UTC; next 20\d\d-\d\d-\d\d 00:00 UTC, /).waitFor();

  await vault.getByLabel("NOS").fill("ALL");
  await vault.getByLabel("SOL").fill("ALL");
  await vault.getByRole("button", { name: "Withdraw…" }).click();
  await agree(/Take all NOS and all SOL out of vault 0/);
  await vault.getByText("0 NOS").waitFor();
  await shot("6-withdrawn");
  await page.goto(`${url}/docs`);
  await shot("7-api");

  assert.deepEqual(await page.evaluate(() => window.violations), []);
  assert.deepEqual(complaints, []);
  assert.deepEqual(foreign, []);
});
