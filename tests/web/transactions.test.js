// Transactions to sign: each action makes one that the cluster takes once the wallet has signed it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { getBase64Decoder, getBase64Encoder, getTransactionDecoder, getTransactionEncoder, signTransaction } from "@solana/kit";
import { definition, served, until } from "./serve.js";

test("a wallet signs a deployment's whole life", { timeout: 300_000 }, async (context) => {
  const { world, wallet, url } = await served(context);
  const post = async (path, body) => {
    const answer = await fetch(`${url}/api/transactions/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const read = await answer.json();
    assert.equal(answer.status, 200, read.error);
    return read;
  };
  const done = async (action, fields, message) => {
    const made = await post(action, { account: wallet.address, ...fields });
    assert.match(made.message, message);
    assert.ok(made.changes.some((change) => change.name === "your wallet"));
    const transaction = getTransactionDecoder().decode(getBase64Encoder().encode(made.transaction));
    const signed = await signTransaction([wallet.keyPair], transaction);
    await post("send", { transaction: getBase64Decoder().decode(getTransactionEncoder().encode(signed)) });
    return made;
  };
  const read = async (id) => (await fetch(`${url}/api/deployments/${id}`)).json();

  const json = { name: "signed", market: world.market, replicas: 1, timeout: 60, strategy: "SIMPLE-EXTEND", job_definition: definition("nginx") };
  const { deployment, definition: pinned } = await done("create", { deployment: json }, /^Create deployment "signed" of 1 replica, SIMPLE-EXTEND; a round costs /);
  assert.equal((await fetch(`${world.ipfs_api}/ipfs/${pinned.cid}`)).status, 200, "what nodes will fetch was pinned");
  await done("fund", { vault: 0, nos: "100", sol: 1 }, /^Move 100 NOS and 1 SOL into vault 0$/);
  await done("update", { deployment, replicas: "2", timeout: 90, name: "renamed" }, /^Change the settings of "signed"/);
  await done("start", { deployment }, /^Start "renamed"/);
  await until("it runs", async () => (await read(deployment)).status === "RUNNING");
  await done("extend", { deployment, replicas: 1 }, /^Add 1 replica to "renamed"/);
  const { replicas, timeout } = await read(deployment);
  assert.deepEqual([replicas, timeout], [3, 90]);
  await done("stop", { deployment }, /^Stop "renamed"/);
  await until("it is stopped", async () => (await read(deployment)).status === "STOPPED");
  await done("withdraw", { nos: "ALL", sol: "ALL" }, /^Take all NOS and all SOL out of vault 0$/);
  await done("archive", { deployment }, /^Archive "renamed".*, for good$/);
  assert.equal((await read(deployment)).status, "ARCHIVED");

  // As Solana Actions and Solana Pay ask what it is.
  const link = await fetch(`${url}/api/transactions/start?deployment=${deployment}`);
  const action = await link.json();
  assert.deepEqual([action.type, action.title, action.label, action.icon], ["action", "Start a deployment", "Start a deployment", `${url}/icon.svg`]);
  assert.equal(action.links.actions[0].href, "/api/transactions/start?deployment={deployment}");
  assert.equal(link.headers.get("x-action-version"), "2.4");
  assert.match(link.headers.get("x-blockchain-ids"), /^solana:/);
  assert.equal((await fetch(action.icon)).headers.get("content-type"), "image/svg+xml");
});
