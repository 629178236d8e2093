// A wallet's deployments. No framework, no build step, no request to anybody but this server.

const byId = (id) => document.getElementById(id);

/** An element with attributes, listeners (`onclick`) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

const trimmed = (number, decimals) => number.toFixed(decimals).replace(/\.?0+$/, "");
const nos = (units) => `${trimmed(units / 1e6, 6)} NOS`;
const sol = (lamports) => `${trimmed(lamports / 1e9, 9)} SOL`;
const signed = (difference, shown) => (difference === 0 ? "" : `${difference > 0 ? "+" : "−"}${shown(Math.abs(difference))}`);
const time = (text) => `${text.slice(0, 16).replace("T", " ")} UTC`;

function lasting(seconds) {
  if (seconds === null) return "nothing draws on it";
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3_600);
  return `lasts ${days > 0 ? `${days} d ` : ""}${hours} h`;
}

/** What a server says to a request; an error's own words if it refuses. */
async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  const read = await answer.json().catch(() => ({ error: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw new Error(read.error);
  return read;
}

const say = (text) => { byId("status").textContent = text; };
const complain = (error) => { byId("error").textContent = error === undefined ? "" : error.message ?? String(error); };

/** Runs what a click asks for, and says what goes wrong. */
const attempt = (work) => async (event) => {
  event?.preventDefault();
  complain();
  try {
    await work(event);
  } catch (error) {
    complain(error);
  }
};

// Wallets, by the Wallet Standard: those that are there already, and those that come later.

const SIGN = "solana:signTransaction";
const wallets = [];
let connected; // { wallet, account }
let owner; // whose deployments are shown
let chain; // as wallets call the cluster

function register(...found) {
  for (const wallet of found) {
    const fits = wallet.features["standard:connect"] && wallet.features[SIGN];
    if (fits && !wallets.includes(wallet)) wallets.push(wallet);
  }
  showWallets();
  return () => {};
}

function findWallets() {
  addEventListener("wallet-standard:register-wallet", ({ detail: callback }) => callback({ register }));
  dispatchEvent(new CustomEvent("wallet-standard:app-ready", { detail: { register } }));
}

function showWallets() {
  const buttons = wallets.map((wallet, at) => {
    const isConnected = connected?.wallet === wallet;
    const label = isConnected ? `${wallet.name}: connected` : `Connect ${wallet.name}`;
    return make("button", { id: `wallet-${at}`, type: "button", class: isConnected ? "plain" : undefined, onclick: attempt(() => connect(wallet)) }, label);
  });
  const none = make("p", { class: "quiet" }, "No wallet in this browser: you can look, and not sign.");
  byId("wallets").replaceChildren(...(buttons.length > 0 ? buttons : [none]));
}

async function connect(wallet) {
  const { accounts } = await wallet.features["standard:connect"].connect();
  const account = accounts.find((account) => account.chains.some((name) => name.startsWith("solana:")));
  if (account === undefined) throw new Error(`${wallet.name} has no account on Solana`);
  connected = { wallet, account };
  showWallets();
  await lookAt(account.address);
}

// Reading.

let shown = ""; // the overview on display, as text

async function lookAt(address) {
  owner = address;
  byId("owner").value = address;
  shown = "";
  await refresh();
}

async function refresh() {
  if (owner === undefined) return;
  const overview = await ask(`/api/overview?owner=${encodeURIComponent(owner)}`);
  const text = JSON.stringify(overview);
  if (text !== shown) draw(overview);
  shown = text;
  await Promise.all([...document.querySelectorAll("details[open]")].map((details) => details.read()));
}

function draw(overview) {
  chain = overview.chain;
  const [focused, open] = [document.activeElement?.id, new Set([...document.querySelectorAll("details[open]")].map(({ id }) => id))];
  byId("vaults").replaceChildren(...vaults(overview));
  byId("deployments").replaceChildren(deployments(overview));
  // What is drawn anew keeps the keyboard where it was.
  for (const details of document.querySelectorAll("details")) details.open = open.has(details.id);
  if (focused) byId(focused)?.focus();
}

function isOwn() {
  return connected !== undefined && connected.account.address === owner;
}

function vaults({ vaults, wallet_lamports, wallet_nos }) {
  const cards = vaults.map((vault) => {
    const index = vault.vault_index;
    const field = (name, label) => [
      make("label", { for: `${name}-${index}` }, label),
      make("input", { id: `${name}-${index}`, name, inputmode: "decimal", size: 6, placeholder: "0" }),
    ];
    const form = make("form", { "aria-label": `Vault ${index}` },
      make("div", { class: "row" }, ...field("nos", "NOS"), ...field("sol", "SOL")),
      make("div", { class: "row" },
        make("button", { id: `fund-${index}`, value: "fund", disabled: !isOwn() }, "Fund…"),
        make("button", { id: `withdraw-${index}`, value: "withdraw", class: "plain", disabled: !isOwn() }, "Withdraw…")),
    );
    form.addEventListener("submit", attempt(async (event) => {
      const amounts = Object.fromEntries([...new FormData(form)].filter(([, amount]) => amount !== ""));
      if (Object.keys(amounts).length === 0) throw new Error("nos, sol: missing; name an amount, for example 1.5");
      await propose(event.submitter.value, { vault: index, ...amounts });
    }));
    return make("article", { class: "card" },
      make("h3", {}, `Vault ${index}`),
      make("p", {}, `${nos(vault.nos)}, ${sol(vault.lamports)}: ${lasting(vault.runway_seconds)}`),
      make("p", { class: "key" }, vault.vault),
      form);
  });
  const wallet = make("p", { class: "quiet" }, `The wallet holds ${nos(wallet_nos)} and ${sol(wallet_lamports)}.`);
  return [wallet, make("div", { class: "cards" }, ...cards)];
}

function deployments({ deployments }) {
  if (deployments.length === 0) return make("p", { class: "quiet" }, "None yet.");
  return make("div", { class: "cards" }, ...[...deployments].reverse().map(card));
}

function card(deployment) {
  const { id, name, status } = deployment;
  const does = (action, label, fields = () => ({})) =>
    make("button", { id: `${action}-${id}`, type: "button", class: action === "archive" ? "plain" : undefined, disabled: !isOwn(),
      onclick: attempt(() => propose(action, { deployment: id, ...fields() })) }, label);
  const starts = ["DRAFT", "STOPPED", "ERROR", "INSUFFICIENT_FUNDS"].includes(status);
  const stops = ["STARTING", "RUNNING", "ERROR", "INSUFFICIENT_FUNDS"].includes(status);
  const replicas = make("input", { id: `replicas-${id}`, type: "number", min: 0, max: 100, value: deployment.replicas, "aria-label": `Replicas of ${name}` });
  const minutes = `${deployment.timeout} min`;
  return make("article", { class: "card", "data-deployment": id },
    make("h3", {}, name || "(no name)"),
    make("p", {}, make("span", { class: `status ${status}` }, status), ` · ${deployment.strategy} · ${deployment.active_jobs} of ${deployment.replicas} × ${minutes}`),
    make("p", { class: "quiet" }, deployment.why),
    deployment.schedule === undefined ? undefined : make("p", {}, `Fires at "${deployment.schedule}" UTC; next ${deployment.firings.map(time).join(", ") || "not"}`),
    make("p", { class: "key" }, id),
    make("div", { class: "row" },
      starts ? does("start", "Start…") : undefined,
      stops ? does("stop", "Stop…") : undefined,
      status === "STOPPED" ? does("archive", "Archive…") : undefined),
    status === "ARCHIVED" ? undefined : make("div", { class: "row" }, replicas, does("update", "Scale…", () => ({ replicas: Number(replicas.value) }))),
    lazily(`endpoints-${id}`, "Endpoints", () => endpoints(id)),
    lazily(`jobs-${id}`, "Jobs and results", () => jobs(id)));
}

/** A part that is read when it is opened, and again as long as it is open. */
function lazily(id, title, read) {
  const content = make("div", {}, make("p", { class: "quiet" }, "…"));
  const details = make("details", { id }, make("summary", { id: `${id}-summary` }, title), content);
  details.read = async () => {
    const fresh = await read();
    // What is the same stays, so that the keyboard stays where it is.
    if (fresh.outerHTML !== content.firstElementChild.outerHTML) content.replaceChildren(fresh);
  };
  details.addEventListener("toggle", attempt(async () => {
    if (details.open) await details.read();
  }));
  return details;
}

async function endpoints(id) {
  const found = await ask(`/api/deployments/${id}/endpoints`);
  if (found.length === 0) return make("p", { class: "quiet" }, "None that this server knows.");
  return make("ul", {}, ...found.map(({ opId, port, url, state }) =>
    make("li", {}, `${opId}:${port} `, make("span", { class: state }, state), " ", make("a", { class: "key", href: url, rel: "noreferrer" }, url))));
}

async function jobs(id) {
  const { jobs } = await ask(`/api/deployments/${id}/jobs?limit=20`);
  if (jobs.length === 0) return make("p", { class: "quiet" }, "None yet.");
  const rows = jobs.map((job) => {
    const isOver = ["COMPLETED", "STOPPED"].includes(job.state);
    const result = make("td", {}, known.get(job.job) ?? (isOver
      ? make("button", { type: "button", class: "plain", onclick: attempt(async () => result.replaceChildren(await results(id, job.job))) }, "Result")
      : ""));
    return make("tr", {}, make("td", {}, time(job.created_at)), make("td", {}, job.state), make("td", { class: "key" }, job.job), result);
  });
  const head = make("tr", {}, ...["Listed", "State", "Job", "Result"].map((text) => make("th", {}, text)));
  return make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** Results that were asked for, by the job. */
const known = new Map();

async function results(id, job) {
  const { jobResult } = await ask(`/api/deployments/${id}/jobs/${job}`);
  const operations = (jobResult?.opStates ?? []).map(({ operationId, status, exitCode }) => `${operationId}: ${status}, exit ${exitCode}`);
  const text = jobResult === null ? "none that this server gets" : [jobResult.status, ...operations].join("; ");
  known.set(job, text);
  return text;
}

// Signing.

const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** Shows what an action would do, has the wallet sign it, and sends it. */
async function propose(action, fields) {
  if (!isOwn()) throw new Error("connect the wallet whose deployments these are");
  const fetched = () => ask(`/api/transactions/${action}`, { account: connected.account.address, ...fields });
  let made = await fetched();
  for (let note = ""; ; note = "What it does has changed meanwhile; look again.") {
    if (!(await agreed(made, note))) return say("Cancelled; nothing was sent.");
    // With a blockhash of now: it lives for a minute, and reading takes as long as it takes.
    const fresh = await fetched();
    const isSame = does(fresh) === does(made);
    made = fresh;
    if (isSame) break;
  }
  say("Waiting for the wallet…");
  const signed = await sign(fromBase64(made.transaction));
  say("Waiting for the cluster…");
  const { signature } = await ask("/api/transactions/send", { transaction: toBase64(signed) });
  say(`Done: ${made.message}. Transaction ${signature}`);
  shown = "";
  await refresh();
}

const does = ({ message, changes }) => JSON.stringify([message, changes.map(({ account, lamports_before, lamports_after, nos_before, nos_after }) => [account, lamports_after - lamports_before, nos_after - nos_before])]);

/** Whether the user agrees to what a transaction does. */
function agreed({ message, changes }, note) {
  byId("confirm-message").textContent = message;
  byId("confirm-note").textContent = note;
  byId("confirm-changes").replaceChildren(...changes.map((change) =>
    make("tr", {},
      make("td", {}, make("span", {}, change.name), " ", make("span", { class: "key" }, change.account)),
      make("td", { class: "amount" }, signed(change.lamports_after - change.lamports_before, sol)),
      make("td", { class: "amount" }, signed(change.nos_after - change.nos_before, nos)))));
  const dialog = byId("confirm");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "sign"), { once: true }));
}

async function sign(transaction) {
  const { wallet, account } = connected;
  if (!account.chains.includes(chain)) throw new Error(`the wallet's account is for ${account.chains.join(", ")}, and this server's cluster is ${chain}; nothing was sent`);
  try {
    const [{ signedTransaction }] = await wallet.features[SIGN].signTransaction({ account, chain, transaction });
    return signedTransaction;
  } catch (error) {
    throw new Error(`${wallet.name} did not sign (${error.message ?? error}); nothing was sent`);
  }
}

// Creating.

const EXAMPLE = `{
  "name": "hello",
  "market": "", // a GPU market's account
  "replicas": 1,
  "timeout": 60, // minutes
  "strategy": "SIMPLE", // or SIMPLE-EXTEND, SCHEDULED, INFINITE
  "job_definition": {
    "version": "0.1",
    "type": "container",
    "ops": [{ "type": "container/run", "id": "web", "args": { "image": "nginx", "expose": 80 } }]
  }
}
`;

/** Says what is wrong with the draft; returns whether nothing is. */
async function check() {
  const { problems } = await ask("/api/validate", { json: byId("json").value });
  const lines = problems.map(({ field, value, valid }) =>
    make("li", {}, make("strong", {}, field), value === null ? `: missing; ${valid}` : `: ${value} is not valid; ${valid}`));
  byId("problems").replaceChildren(...lines);
  byId("json").setAttribute("aria-invalid", problems.length > 0);
  return problems.length === 0;
}

let typing;
byId("json").value = EXAMPLE;
byId("json").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(attempt(check), 300);
});
byId("create").addEventListener("submit", attempt(async () => {
  if (await check()) await propose("create", { deployment: byId("json").value });
}));
byId("look").addEventListener("submit", attempt(() => lookAt(byId("owner").value.trim())));
byId("confirm-sign").addEventListener("click", () => byId("confirm").close("sign"));
byId("confirm-cancel").addEventListener("click", () => byId("confirm").close());

findWallets();
showWallets();
const LOOK_AGAIN_MS = 5_000;
setInterval(() => {
  if (!document.hidden && !byId("confirm").open) refresh().catch(complain);
}, LOOK_AGAIN_MS);
