// Nosana's own client, unmodified, with another `backend_url`: a deployment's whole life.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NosanaNetwork, createNosanaClient } from "@nosana/kit";
import { definition, served, until } from "./serve.js";

/** Reads server-sent events into `frames` until it is aborted. */
function follow(url, frames) {
  const controller = new AbortController();
  const read = async () => {
    const answer = await fetch(url, { signal: controller.signal });
    let text = "";
    for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
      const parts = `${text}${chunk}`.split("\n\n");
      text = parts.pop();
      frames.push(...parts.filter((part) => part.startsWith("data: ")).map((part) => JSON.parse(part.slice(6))));
    }
  };
  read().catch((error) => error.name === "AbortError" || frames.push({ type: "failed", error: String(error) }));
  return controller;
}

test("the service's own client drives a deployment here", { timeout: 400_000 }, async (context) => {
  const { world, wallet, url } = await served(context, { actsFor: true });
  const client = createNosanaClient(NosanaNetwork.MAINNET, {
    wallet,
    solana: { rpcEndpoint: world.rpc_url, wsEndpoint: world.ws_url, commitment: "confirmed" },
    api: { backend_url: url },
  });
  const api = client.api.deployments;

  const [shared] = await api.vaults.list();
  assert.equal((await api.vaults.create()).address, shared.address);

  const deployment = await api.create({
    name: "by the kit",
    market: world.market,
    replicas: 1,
    timeout: 60,
    strategy: "INFINITE",
    rotation_time: 1_200,
    job_definition: definition("nginx"),
  });
  assert.deepEqual([deployment.status, deployment.owner, deployment.vault.address], ["DRAFT", wallet.address, shared.address]);
  assert.deepEqual([deployment.rotation_time, deployment.timeout, deployment.endpoints.length], [1_200, 60, 1]);

  await deployment.vault.topup({ SOL: 1, NOS: 100 });
  assert.deepEqual(await deployment.vault.getBalance(), { SOL: 1, NOS: 100 });

  await deployment.start();
  const status = async () => (await api.get(deployment.id)).status;
  await until("it runs", async () => (await status()) === "RUNNING");
  const running = async () => (await deployment.getJobs({ state: "RUNNING" })).jobs;
  const [first] = await until("a node runs a job", async () => ((await running()).length === 1 ? running() : undefined));
  assert.deepEqual([first.deployment, first.market, first.revision], [deployment.id, world.market, 1]);
  const detail = await deployment.getJob(first.job);
  assert.deepEqual([detail.state, detail.jobDefinition.ops[0].args.image, detail.jobResult], ["RUNNING", "nginx", null]);

  const types = async () => (await deployment.getEvents({ limit: 100 })).events.map((event) => event.type);
  assert.deepEqual((await types()).toReversed().slice(0, 3), ["CREATED", "STARTING", "RUNNING"]);
  assert.ok((await types()).includes("JOB_LISTED"));

  await deployment.createRevision(definition("httpd"));
  assert.equal(deployment.active_revision, 2);
  const { revisions } = await deployment.getRevisions();
  assert.deepEqual(revisions.map(({ revision }) => revision), [2, 1]);
  assert.equal(revisions[0].job_definition.ops[0].args.image, "httpd");
  await until("a job of the new revision runs", async () => (await running()).some((job) => job.revision === 2));

  await deployment.updateReplicaCount(2);
  await until("two jobs run", async () => (await running()).length === 2);
  await deployment.updateTimeout(120);
  const { deployments, total_items } = await api.list({ status: "RUNNING", search: "KIT" });
  assert.deepEqual([total_items, deployments[0].replicas, deployments[0].timeout], [1, 2, 120]);
  await deployment.updateActiveRevision(1);
  assert.equal((await api.get(deployment.id)).active_revision, 1);

  // The stream begins with how it is, and goes on with what happens.
  const frames = [];
  const streamed = follow(`${url}/api/deployments/${deployment.id}/stream`, frames);
  context.after(() => streamed.abort());
  const has = (wanted) => frames.some((frame) => Object.entries(wanted).every(([name, value]) => frame[name] === value));
  await until("the stream begins", () => has({ type: "deployment", status: "RUNNING", replicas: 2 }) && has({ type: "job", state: "RUNNING" }));

  await deployment.stop();
  await until("the stream tells of it", () => has({ type: "event", category: "Deployment", event: "STOPPING" }) && has({ type: "deployment", status: "STOPPED" }));
  await until("it is stopped", async () => (await status()) === "STOPPED");
  const over = await deployment.getJobs({ state: "STOPPED", limit: 100 });
  assert.ok(over.jobs.length >= 3 && over.jobs.every((job) => job.time_end > 0));

  await deployment.vault.withdraw();
  await until("the vault is empty", async () => (await deployment.vault.getBalance()).NOS === 0);

  const stopped = await api.get(deployment.id);
  await stopped.archive();
  assert.equal(await status(), "ARCHIVED");
  await assert.rejects(client.api.credits.balance(), /credits are the service's own money/);
});
