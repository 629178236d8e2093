// What the Rust client says of the same inputs: `cargo xtask fixtures` writes it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createNoopSigner, getAddressDecoder, isSome } from "@solana/kit";
import * as client from "../dist/index.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const fixtures = JSON.parse(read("fixtures.json"));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const byRole = (role) => [role >= 2, role % 2 === 1];

test("the words behind numbers are the domain's", () => {
  const { STATUSES, STRATEGIES, REASONS, OVERLAPS } = client;
  assert.deepEqual(fixtures.codes, { statuses: [...STATUSES], strategies: [...STRATEGIES], reasons: [...REASONS], overlaps: [...OVERLAPS] });
});

test("addresses are derived as the program derives them", async () => {
  const { wallet, deployment, ...expected } = fixtures.addresses;
  assert.equal(await client.ownerAddress(wallet), expected.owner);
  assert.equal(await client.nosAccountAddress(wallet), expected.nosAccount);
  for (const [index, address] of expected.vaults) assert.equal(await client.vaultAddress(wallet, index), address);
  for (const [id, address] of expected.deployments) assert.equal(await client.deploymentAddress(wallet, BigInt(id)), address);
  for (const [number, address] of expected.revisions) assert.equal(await client.revisionAddress(deployment, number), address);
  for (const [index, job, run] of expected.jobs) {
    assert.equal(await client.jobAddress(deployment, BigInt(index)), job);
    assert.equal(await client.runAddress(deployment, BigInt(index)), run);
  }
});

test("files of any size are named as IPFS names them", async () => {
  for (const [size, cid] of fixtures.files) {
    const file = Uint8Array.from({ length: size }, (_, i) => (i * 31 + 7) % 256);
    const digest = await client.digestOf(file);
    assert.equal(client.cidOf(digest), cid, `${size} bytes`);
    assert.deepEqual(client.digestOfCid(cid), digest);
  }
  for (const wrong of ["", "Qm", "bafybeigdyrzt", "0O"]) assert.equal(client.digestOfCid(wrong), undefined);
});

test("schedules are read as the domain reads them", () => {
  for (const { expression, minute, ...fields } of fixtures.schedules) {
    assert.deepEqual(client.parseSchedule(expression), { minute: BigInt(minute), ...fields }, expression);
  }
  for (const expression of fixtures.refusedSchedules) assert.throws(() => client.parseSchedule(expression), undefined, expression);
});

test("a deployment's JSON becomes the same instructions, and pins the same text", async () => {
  for (const { json, options, instructions, ...expected } of fixtures.creations) {
    const creation = await client.fromJson(json, { ...options, owner: createNoopSigner(options.owner) });
    assert.equal(creation.definition.text, expected.definition, json);
    assert.equal(creation.pinned.text, expected.pinned, json);
    assert.deepEqual([creation.definition.cid, creation.pinned.cid], [expected.cid, expected.pinnedCid]);
    for (const field of ["deployment", "vaultIndex", "project"]) assert.equal(creation[field], expected[field], field);
    const built = creation.instructions.map(({ programAddress, accounts, data }) => ({
      program: programAddress,
      accounts: accounts.map(({ address, role }) => [address, ...byRole(role)]),
      data: hex(data),
    }));
    assert.deepEqual(built, instructions, json);
  }
});

test("what is refused is named by its field, its value and what would be valid", () => {
  for (const { json, fields } of fixtures.refusedCreations) {
    // What the schema does not say, `fromJson` or the program does.
    if (fields.includes("schedule")) continue;
    const refused = refusal(() => client.readDeploymentJson(json));
    assert.deepEqual(refused?.problems.map((problem) => problem.field).sort(), [...fields].sort(), `${json}\n${refused}`);
  }
  const text = fixtures.creations[0].json.replace('"replicas": 1', '"replicas": 101');
  const { message } = refusal(() => client.readDeploymentJson(text));
  assert.match(message, /^replicas: 101 is not valid; Jobs per round, 1 to 100/);
  const inexact = fixtures.creations[0].json.replace('"replicas": 1', '"replicas": 1, "max_price": 9007199254740993');
  assert.match(refusal(() => client.readDeploymentJson(inexact)).message, /^max_price: 9007199254740992 is not valid/);
});

test("what the JSON does not say has to be passed", async () => {
  const owner = createNoopSigner(fixtures.addresses.wallet);
  for (const [field, given] of [["max_price", 0], ["confidential", 2], ["new_vault", 5]]) {
    const { json } = fixtures.creations[given];
    const pricePerSecond = field === "max_price" ? undefined : 1;
    await assert.rejects(client.fromJson(json, { owner, id: 0, pricePerSecond }), new RegExp(`^InvalidDeployment: ${field}: `));
  }
  const never = fixtures.refusedCreations.at(-1);
  await assert.rejects(client.fromJson(never.json, { owner, id: 0, pricePerSecond: 1 }), /schedule: "0 0 31 2 \*" is not valid; it never fires/);
});

function refusal(call) {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof client.InvalidDeployment, error.stack);
    return error;
  }
  return assert.fail("it was not refused");
}

test("endpoints are those that nodes use", async () => {
  for (const { definition, project, job, ofDeployment, ofJob } of fixtures.endpoints) {
    assert.deepEqual(await client.endpointsOfDeployment(definition, project), ofDeployment);
    assert.deepEqual(await client.endpointsOfJob(definition, job), ofJob);
  }
  const oracle = read("../../src/endpoints/oracle.jsonl").trim().split("\n").map(JSON.parse);
  assert.equal(oracle.length, 1_000);
  for (const [deployment_id, project, op, index, port, job, ofAll, ofOne] of oracle) {
    const volume = { type: "container/create-volume", id: "v" };
    const ops = [...Array(index).fill(volume), { type: "container/run", id: op, args: { expose: port } }];
    const all = await client.endpointsOfDeployment({ deployment_id, ops }, project);
    const one = await client.endpointsOfJob({ ops }, job);
    assert.deepEqual([all.known[0].url, one.known[0].url], [ofAll, ofOne].map((host) => `https://${host}.${client.NODE_DOMAIN}`));
  }
});

test("a whole deployment is read, slots included, and nothing else passes for one", () => {
  const { data, owner, id, nextJobIndex, name, status, strategy, project, slots, jobs } = fixtures.account;
  const programAddress = client.DEPLOYMENTS_PROGRAM_ADDRESS;
  const read = (data, program = programAddress) => client.readDeployment({ address: owner, data, programAddress: program });
  const found = read(bytes(data));
  assert.deepEqual(
    [found.header.owner, found.header.id, found.header.nextJobIndex, found.name, found.status, found.strategy, found.project, found.slots],
    [owner, BigInt(id), BigInt(nextJobIndex), name, status, strategy, project, slots],
  );
  const told = found.jobs.map(({ index, restarts, startedAt }) => ({ index: `${index}`, restarts, startedAt: startedAt === undefined ? null : `${startedAt}` }));
  assert.deepEqual(told, jobs);
  const changed = (at, to) => bytes(data).with(at, to);
  assert.throws(() => read(bytes(data), owner), /not by the deployments program/);
  assert.throws(() => read(changed(0, 0)), /different kind/);
  assert.throws(() => read(changed(8, 2)), /layout version 2/);
  assert.throws(() => read(bytes(data).slice(0, 543)), /damaged/);
  assert.throws(() => read(changed(10, 8)), /damaged/, "a status without a name");
  assert.throws(() => read(changed(344, 5)), /damaged/, "more jobs than slots");
});

test("events are read from what a transaction called, and only from that", () => {
  const program = client.DEPLOYMENTS_PROGRAM_ADDRESS;
  for (const { data, kind, deployment, jobs } of fixtures.events) {
    const event = client.readEvent(program, bytes(data));
    assert.deepEqual([event.kind, event.data.deployment], [kind, deployment]);
    if (jobs) assert.deepEqual(event.data.jobs.map(({ what }) => plain(what)), jobs);
    // Further fields are a newer program's; fewer are no event that this package knows.
    assert.deepEqual(client.readEvent(program, bytes(`${data}00`)), event);
    assert.deepEqual(client.readEvent(program, bytes(data).slice(0, 40)), { kind: "Unknown" });
    assert.equal(client.readEvent(fixtures.addresses.wallet, bytes(data)), undefined);
  }
  const idl = JSON.parse(read("../../../idl/deployments.json"));
  for (const { name, discriminator } of idl.events) {
    const data = Uint8Array.from([...bytes(fixtures.events[0].data).slice(0, 8), ...discriminator, ...Array(300).fill(0)]);
    assert.equal(client.readEvent(program, data).kind, name);
  }
  assert.equal(client.readEvent(program, Uint8Array.of(1, 2, 3)), undefined);
});

/** With options unwrapped, bytes in hexadecimal, and whole numbers of 64 bits as text. */
function plain(value) {
  if (typeof value === "bigint") return `${value}`;
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value !== "object" || value === null) return value;
  if ("__option" in value) return isSome(value) ? plain(value.value) : null;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

test("a header counts if the owner of the vault that listed the job signed it, for five minutes", async () => {
  const { owner, vaultIndex, project, job, atMs, header } = fixtures.authorization;
  const listed = { address: job, project };
  const verify = (change = {}) =>
    client.verifyOwner(change.job ?? listed, change.header ?? header, { owner, vaultIndex, ...change.vault }, change.now ?? atMs);
  assert.deepEqual(await verify(), { verified: true, owner });
  const [, signature] = header.split(":");
  const stranger = getAddressDecoder().decode(new Uint8Array(32).fill(3));
  const refused = [
    [{ now: atMs + 300_001 }, /300 seconds/],
    [{ now: atMs - 300_001 }, /300 seconds/],
    [{ vault: { vaultIndex: 4 } }, /did not list/],
    [{ vault: { vaultIndex: 65_536 } }, /vaultIndex/],
    [{ vault: { owner: stranger } }, /did not list/],
    [{ job: { address: stranger, project } }, /not for job/],
    [{ job: { address: job, project: stranger } }, /did not list/],
    [{ header: `${job}:${signature}` }, /not <job>/],
    [{ header: `${job}:${signature}:${atMs}:1` }, /not <job>/],
    [{ header: `${job}:${signature}:-1` }, /not <job>/],
    [{ header: `${job}:${"1".repeat(64)}:${atMs}` }, /not signed/],
    [{ header: `${job}:abc:${atMs}` }, /not signed/],
    [{ header: "" }, /not <job>/],
  ];
  for (const [change, why] of refused) {
    const verdict = await verify(change);
    assert.equal(verdict.verified, false, JSON.stringify(change));
    assert.match(verdict.why, why);
  }
  for (const now of [atMs + 300_000, atMs - 300_000]) assert.equal((await verify({ now })).verified, true);
});
