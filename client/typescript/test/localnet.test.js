// A deployment's life on the embedded localnet, by this package alone.

import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import {
  appendTransactionMessageInstructions,
  createKeyPairSignerFromBytes,
  createSolanaRpc,
  createTransactionMessage,
  fetchEncodedAccount,
  getBase58Decoder,
  getBase64EncodedWireTransaction,
  pipe,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signBytes,
  signTransactionMessageWithSigners,
} from "@solana/kit";
import * as client from "../dist/index.js";
import { localnet, until } from "./world.js";

const JSON_TEXT = (market) => `{
  "name": "from TypeScript", "market": "${market}", "replicas": 2, "timeout": 60, // minutes
  "strategy": "INFINITE", "autostart": true,
  "job_definition": {"version": "0.1", "type": "container", "ops": [
    {"type": "container/run", "id": "web", "args": {"image": "nginx", "expose": 80}}
  ]},
}`;

test("a deployment is created, funded, served, stopped and closed", { timeout: 300_000 }, async (context) => {
  const world = await localnet(context);
  const rpc = createSolanaRpc(world.rpc_url);
  const owner = await createKeyPairSignerFromBytes(world.secret);

  const creation = await client.fromJson(JSON_TEXT(world.market), { owner, id: 0, pricePerSecond: world.price_per_second });
  await pin(world.ipfs_api, creation.pinned);
  const { deployment, vault } = creation;
  const funding = client.getFundInstructionAsync({
    funder: owner,
    owner: owner.address,
    vault,
    vaultNos: await client.nosAccountAddress(vault),
    funderNos: await client.nosAccountAddress(owner.address),
    vaultIndex: creation.vaultIndex,
    nos: 100_000_000n,
    lamports: 1_000_000_000n,
  });
  const created = await send(rpc, owner, [...creation.instructions, await funding]);
  const kinds = client.eventsOf(await transaction(rpc, created)).map((event) => event.kind);
  assert.deepEqual(kinds, ["DeploymentCreated", "VaultFunded"]);

  const read = async () => client.readDeployment(await fetchEncodedAccount(rpc, deployment));
  const serving = await until("two jobs run", async () => {
    const now = await read();
    return now.jobs.filter((job) => job.startedAt !== undefined).length === 2 && now;
  });
  assert.deepEqual([serving.name, serving.status, serving.strategy, serving.project], ["from TypeScript", "RUNNING", "INFINITE", vault]);

  const { known } = await client.endpointsOfDeployment(creation.definition.value, serving.project);
  const host = new URL(known[0].url).hostname.split(".")[0];
  await until(`a node answers for ${host}`, async () => (await statusAt(world.node_gateway, `${host}.localhost`)) === 200);

  // A node tells the vault's owner from others.
  const job = { address: await client.jobAddress(deployment, serving.jobs[0].index), project: vault };
  const signature = await signBytes(owner.keyPair.privateKey, new TextEncoder().encode(job.address));
  const header = `${job.address}:${getBase58Decoder().decode(signature)}:${Date.now()}`;
  assert.deepEqual(await client.verifyOwner(job, header, serving.header), { verified: true, owner: owner.address });

  const steer = { owner, deployment };
  const stopped = await send(rpc, owner, [await client.getStopInstructionAsync({ ...steer, drain: false })]);
  const [told] = client.eventsOf(await transaction(rpc, stopped));
  assert.deepEqual([told.kind, client.STATUSES[told.data.to]], ["DeploymentChanged", "STOPPING"]);
  await until("it is stopped", async () => (await read()).status === "STOPPED");
  await send(rpc, owner, [await client.getArchiveInstructionAsync(steer), await client.getCloseInstructionAsync(steer)]);
  assert.equal((await fetchEncodedAccount(rpc, deployment)).exists, false);
});

/** What a gateway answers for a host; `fetch` does not let anybody name one. */
const statusAt = (gateway, Host) =>
  new Promise((resolve, reject) => {
    const { port } = new URL(gateway);
    get({ host: "127.0.0.1", port, headers: { Host } }, (answer) => resolve(answer.resume().statusCode)).on("error", reject);
  });

async function pin(api, definition) {
  const form = new FormData();
  form.append("file", new Blob([definition.text]));
  const answer = await (await fetch(`${api}/api/v0/add`, { method: "POST", body: form })).json();
  assert.equal(answer.Hash, definition.cid, "IPFS names the definition as this package does");
}

async function send(rpc, payer, instructions) {
  const { value: blockhash } = await rpc.getLatestBlockhash().send();
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (message) => setTransactionMessageFeePayerSigner(payer, message),
    (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
    (message) => appendTransactionMessageInstructions(instructions, message),
  );
  const wire = getBase64EncodedWireTransaction(await signTransactionMessageWithSigners(message));
  const signature = await rpc.sendTransaction(wire, { encoding: "base64" }).send();
  await until(`${signature} is confirmed`, async () => {
    const [status] = (await rpc.getSignatureStatuses([signature]).send()).value;
    assert.equal(status?.err ?? null, null);
    return ["confirmed", "finalized"].includes(status?.confirmationStatus);
  });
  return signature;
}

const transaction = (rpc, signature) =>
  until(`${signature} is found`, () => rpc.getTransaction(signature, { commitment: "confirmed", encoding: "json", maxSupportedTransactionVersion: 0 }).send());
