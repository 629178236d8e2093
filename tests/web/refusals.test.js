// What must not work: each with a clear answer, and nothing sent.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { test } from "node:test";
import { getBase58Decoder, signBytes, generateKeyPairSigner } from "@solana/kit";
import { definition, served, started } from "./serve.js";

const MESSAGE = "NosanaApiAuthentication";

async function authorization(signer, at) {
  const signature = await signBytes(signer.keyPair.privateKey, new TextEncoder().encode(MESSAGE));
  return `${MESSAGE}:${getBase58Decoder().decode(signature)}${at === undefined ? "" : `:${at}`}`;
}

/** As `fetch`, which sets neither Host nor Origin. */
function ask(url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

test("bad requests are refused, and nothing is sent", { timeout: 300_000 }, async (context) => {
  const { world, wallet, url } = await served(context, { actsFor: true });
  const json = { "Content-Type": "application/json" };
  const own = { ...json, "x-user-id": wallet.address };
  const body = JSON.stringify({ name: "a", market: world.market, replicas: 1, timeout: 60, strategy: "SIMPLE", job_definition: definition("nginx") });
  const create = (headers, sent = body) => ask(`${url}/api/deployments/create`, { method: "POST", headers: { ...own, ...headers }, body: sent });
  const refused = async (answer, status, said) => {
    const { status: found, text, json } = await answer;
    assert.equal(found, status, text);
    assert.match(json().error, said);
  };

  const stranger = await generateKeyPairSigner();
  const now = Date.now();
  await refused(create({}), 401, /Authorization: missing/);
  await refused(create({ Authorization: "nonsense" }), 401, /use NosanaApiAuthentication/);
  await refused(create({ Authorization: await authorization(stranger) }), 401, /not signed by/);
  await refused(create({ "x-user-id": stranger.address, Authorization: await authorization(stranger) }), 403, /acts for .* alone/);
  await refused(create({ Authorization: await authorization(wallet, now - 300_001) }), 401, /300 seconds/);
  await refused(create({ Authorization: "Bearer nos_x" }), 501, /API keys are the service's own/);
  await refused(create({ Authorization: await authorization(wallet, now), Origin: "http://evil.example" }), 403, /not this server/);
  await refused(create({ Authorization: await authorization(wallet, now), Host: "evil.example" }), 421, /called localhost/);

  // A dated authorisation counts once.
  const dated = { Authorization: await authorization(wallet, Date.now()) };
  await refused(create(dated, "{"), 400, /JSON: /);
  const once = await authorization(wallet, Date.now() + 1);
  await refused(create({ Authorization: once }, JSON.stringify({ strategy: "SIMPLE" })), 400, /name: missing/);
  await refused(create({ Authorization: once }), 401, /used before/);

  const signed = { Authorization: await authorization(wallet) };
  await refused(create({ ...signed, "Content-Type": "text/plain" }), 415, /application\/json/);
  await refused(create(signed, " ".repeat(2 ** 20 + 1)), 413, /larger than 1048576 bytes/);
  await refused(create(signed, JSON.stringify([JSON.parse(body), JSON.parse(body)])), 400, /one deployment/);
  await refused(create(signed, body.replace('"replicas":1', '"replicas":101')), 400, /replicas: 101 is not valid/);
  await refused(create(signed, body.replace(world.market, stranger.address)), 404, /market/);

  const start = (id) => ask(`${url}/api/deployments/${id}/start`, { method: "POST", headers: { ...own, ...signed } });
  await refused(start(stranger.address), 404, /does not exist/);
  await refused(start("x"), 404, /base58 address/);
  await refused(ask(`${url}/api/deployments`), 401, /x-user-id/);
  await refused(ask(`${url}/api/deployments?owner=x`), 400, /owner/);
  await refused(ask(`${url}/api/deployments?limit=7`, { headers: own }), 400, /limit: "7"/);
  await refused(ask(`${url}/api/nothing`), 404, /no such route/);
  await refused(ask(`${url}/api/overview`, { method: "PUT" }), 405, /no such method/);
  for (const [path, said] of [["credits/balance", /credits/], ["jobs/list", /deployment lists jobs/], ["markets/", /on chain/], [`deployments/${stranger.address}/header`, /access key/]]) {
    await refused(ask(`${url}/api/${path}`, { headers: own }), 501, said);
  }

  // Transactions to sign.
  const make = (action, fields) => ask(`${url}/api/transactions/${action}`, { method: "POST", headers: json, body: JSON.stringify(fields) });
  const account = wallet.address;
  await refused(make("destroy", { account }), 404, /use create, fund/);
  await refused(make("start", {}), 400, /account: missing/);
  await refused(make("start", { account: "x", deployment: stranger.address }), 400, /account: "x" is not valid/);
  await refused(make("start", { account, deployment: stranger.address }), 404, /does not exist/);
  await refused(make("fund", { account, nos: "1.1234567" }), 400, /nos: "1.1234567" is not valid; use a number with at most 6 decimals/);
  await refused(make("fund", { account, nos: "ALL" }), 400, /nos: use an amount/);
  await refused(make("fund", { account, nos: "1", deployment: "x" }), 400, /deployment: not a field of fund/);
  await refused(make("fund", { account: stranger.address, nos: "1" }), 409, /./);
  await refused(make("create", { account, deployment: '{"name": 1}' }), 400, /name: 1 is not valid/);
  const send = (transaction) => ask(`${url}/api/transactions/send`, { method: "POST", headers: json, body: JSON.stringify({ transaction }) });
  await refused(send("?"), 400, /not base64/);
  await refused(send("AAAA"), 400, /whole transaction/);
  const made = (await make("fund", { account, nos: "1" })).json();
  await refused(send(made.transaction), 400, /a signature is missing/);

  // Somebody else's deployment.
  const { url: owners, world: there, wallet: owner } = await served(context, { actsFor: true });
  const theirs = { ...json, "x-user-id": owner.address, Authorization: await authorization(owner) };
  const created = await ask(`${owners}/api/deployments/create`, { method: "POST", headers: theirs, body: body.replace(world.market, there.market) });
  const { id } = created.json();
  const foreign = { account, deployment: id };
  await refused(ask(`${owners}/api/transactions/start`, { method: "POST", headers: json, body: JSON.stringify(foreign) }), 403, /belongs to/);

  // Nothing of all that was done.
  const { deployments, pagination } = (await ask(`${url}/api/deployments`, { headers: own })).json();
  assert.deepEqual([deployments, pagination.total_items], [[], 0]);

  const { headers } = await ask(`${url}/`);
  assert.match(headers["content-security-policy"], /^default-src 'none'/);
  const action = await ask(`${url}/api/transactions/start`, { method: "OPTIONS", headers: { Origin: "http://elsewhere.example" } });
  assert.equal(action.headers["access-control-allow-origin"], "*");
});

test("without a key nothing is signed; without the program nothing is served", { timeout: 300_000 }, async (context) => {
  const { world, wallet, url } = await served(context);
  const headers = { "Content-Type": "application/json", "x-user-id": wallet.address, Authorization: await authorization(wallet) };
  const answer = await ask(`${url}/api/deployments/create`, { method: "POST", headers, body: "{}" });
  assert.equal(answer.status, 403);
  assert.match(answer.json().error, /start it with --keypair/);

  // A cluster that has no account.
  const empty = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      const { id, params } = JSON.parse(text);
      const value = Array.isArray(params?.[0]) ? params[0].map(() => null) : null;
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { context: { slot: 1 }, value } }));
    });
  }).listen(0, "127.0.0.1");
  await once(empty, "listening");
  context.after(() => empty.close());
  const elsewhere = started(context, ["serve", "--url", `http://127.0.0.1:${empty.address().port}`, "--listen", "127.0.0.1:0"], world.home);
  await assert.rejects(elsewhere, /the deployments program \w+ is not deployed at http:/);
});

test("behind a proxy, a request has to be signed with a time", { timeout: 300_000 }, async (context) => {
  const { wallet, url } = await served(context, { actsFor: true, more: ["--public-host", "deployments.example"] });
  const create = async (headers) => {
    const own = { "Content-Type": "application/json", "x-user-id": wallet.address, Host: "deployments.example", ...headers };
    return ask(`${url}/api/deployments/create`, { method: "POST", headers: own, body: "{}" });
  };
  const undated = await create({ Authorization: await authorization(wallet) });
  assert.deepEqual([undated.status, /sign with a time/.test(undated.text)], [401, true]);
  const dated = await create({ Authorization: await authorization(wallet, Date.now()) });
  assert.equal(dated.status, 400, "it is read, and says what is missing");
  assert.equal((await create({ Host: "evil.example" })).status, 421);
});
