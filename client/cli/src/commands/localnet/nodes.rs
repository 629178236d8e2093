//! Nodes of the localnet: they take jobs, serve a page at every port that a job exposes, and store results.
//! They run no containers, and say so.

mod confidential;

use super::{gateway::Routes, ipfs::Store};
use anyhow::{Context as _, Result};
use axum::{response::Html, Router};
use nosana_deploy_client::{
    confidential::commitment,
    definition::Definition,
    domain::lifecycle::Market,
    endpoints::{host, of_deployment, of_job, Endpoint},
    jobs_program::{
        account::Job,
        node::{Assignment, Node},
    },
    localnet::Localnet,
    markets::{Run, QUEUE_CAPACITY},
    rpc::Cluster,
    transaction::{assemble, Budget, Lifetime},
};
use serde_json::{json, Value};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};

/// Between two looks at the market.
const TICK: Duration = Duration::from_millis(500);
/// A job that exposes nothing is done after so many seconds.
const WORK_SECONDS: i64 = 3;
/// What a node has at first: 100 SOL.
const NODE_LAMPORTS: u64 = 100_000_000_000;

/// The localnet's nodes, one job each at a time.
pub(super) struct Nodes {
    cluster: Cluster,
    market: Pubkey,
    store: Store,
    routes: Routes,
    wallets: Vec<Keypair>,
    http: reqwest::Client,
    /// What nodes run, by the job.
    running: BTreeMap<Pubkey, Running>,
}

/// A job that a node runs.
struct Running {
    run: Run,
    project: Pubkey,
    payer: Pubkey,
    timeout_seconds: i64,
    /// What is pinned, if the localnet's IPFS has it.
    pinned: Option<Definition>,
    /// What is run: what is pinned, or what its owner's server hands out.
    definition: Option<Definition>,
    /// What it serves, and where.
    servers: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl Nodes {
    /// So many nodes with wallets of their own, which work on one market.
    pub(super) fn new(
        localnet: &Localnet,
        cluster: Cluster,
        market: Pubkey,
        count: u16,
        store: Store,
        routes: Routes,
    ) -> Result<Self> {
        let wallets: Vec<Keypair> = (0..count).map(|_| Keypair::new()).collect();
        for wallet in &wallets {
            localnet.fund(&wallet.pubkey(), NODE_LAMPORTS, 0)?;
        }
        Ok(Self {
            cluster,
            market,
            store,
            routes,
            wallets,
            http: reqwest::Client::new(),
            running: BTreeMap::new(),
        })
    }

    /// Works until the process ends. What fails is tried again: somebody else may have been faster.
    pub(super) async fn work(mut self) {
        loop {
            if let Err(error) = self.tick().await {
                eprintln!("a node: {error:#}");
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn tick(&mut self) -> Result<()> {
        let runs = self.cluster.runs(None).await?;
        let mine = |run: &Run| {
            self.wallets
                .iter()
                .any(|wallet| wallet.pubkey() == run.node)
        };
        let runs: BTreeMap<Pubkey, Run> = runs
            .into_iter()
            .filter(mine)
            .map(|run| (run.job, run))
            .collect();
        self.take_jobs(&runs).await?;
        for (job, run) in &runs {
            if self.running.contains_key(job) {
                continue;
            }
            // The next look tries again: its owner's server may be away for a moment.
            if let Err(error) = self.begin(*job, *run).await {
                eprintln!("a node: job {job} cannot begin: {error:#}");
            }
        }
        // Only after what replaces it serves.
        let over: Vec<Pubkey> = self
            .running
            .keys()
            .filter(|job| !runs.contains_key(*job))
            .copied()
            .collect();
        for job in over {
            self.ended_by_others(job).await?;
        }
        self.finish_what_is_done().await
    }

    /// As many nodes as jobs wait, of those that are free, ask the market for one.
    async fn take_jobs(&self, runs: &BTreeMap<Pubkey, Run>) -> Result<()> {
        let Market::Open { queue_room, .. } = self.cluster.market(&self.market).await? else {
            return Ok(());
        };
        let waiting = usize::try_from(QUEUE_CAPACITY.saturating_sub(queue_room))?;
        let is_free = |wallet: &&Keypair| {
            let mut nodes = runs.values().map(|run| run.node);
            nodes.all(|node| node != wallet.pubkey())
        };
        for wallet in self.wallets.iter().filter(is_free).take(waiting) {
            let run = Keypair::new();
            let work = Node(wallet.pubkey()).work(&run.pubkey(), &self.market);
            self.send(work, &[wallet, &run]).await?;
        }
        Ok(())
    }

    async fn begin(&mut self, key: Pubkey, run: Run) -> Result<()> {
        let account = self.cluster.accounts(&[key]).await?.pop().flatten();
        let account = account.context("a run without a job")?;
        let job = Job::read(&account.owner, &account.data)?.context("a run of no job")?;
        let pinned = self.store.find(&job.ipfs_job).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).ok()?;
            Definition::read(text, &job.ipfs_job)
        });
        let mut running = Running {
            run,
            project: job.project,
            payer: job.payer,
            timeout_seconds: job.timeout_seconds(),
            definition: pinned.clone(),
            pinned,
            servers: Vec::new(),
        };
        if let (Some(stub), Some(wallet)) = (&running.pinned, self.wallet(&run.node)) {
            if commitment(stub).is_some() {
                running.definition =
                    Some(confidential::fetch(&self.http, stub, &key, wallet).await?);
            }
        }
        running.serve(&self.routes).await?;
        self.running.insert(key, running);
        Ok(())
    }

    /// A keeper, or the owner, ended it: the node was paid, and stores what there is.
    async fn ended_by_others(&mut self, job: Pubkey) -> Result<()> {
        let Some(running) = self.running.remove(&job) else {
            return Ok(());
        };
        running.stop(&self.routes);
        let digest = self.store_result(&running, "stopped").await;
        if let Some(wallet) = self.wallet(&running.run.node) {
            let complete = Node(running.run.node).complete(&job, &digest);
            // Its account may be gone already.
            let _ = self.send(complete, &[wallet]).await;
        }
        Ok(())
    }

    async fn finish_what_is_done(&mut self) -> Result<()> {
        let now = self.cluster.now().await?;
        let done = self.running.iter().filter(|(_, one)| one.is_done(now));
        let done: Vec<Pubkey> = done.map(|(job, _)| *job).collect();
        for job in done {
            if self.is_prolonged(&job, now).await? {
                continue;
            }
            let Some(running) = self.running.remove(&job) else {
                continue;
            };
            running.stop(&self.routes);
            let status = match running.definition {
                Some(_) => "success",
                None => "failed",
            };
            let digest = self.store_result(&running, status).await;
            let run = running.run;
            let assignment = Assignment {
                job,
                job_payer: running.payer,
                run: run.address,
                run_payer: run.payer,
                market: self.market,
            };
            if let Some(wallet) = self.wallet(&run.node) {
                let finish = Node(run.node).finish(&assignment, &digest);
                // A keeper may have ended it first.
                let _ = self.send(finish, &[wallet]).await;
            }
        }
        Ok(())
    }

    /// Leaves a result where the definition says, and on IPFS. Returns the digest of what is there.
    async fn store_result(&self, running: &Running, status: &str) -> [u8; 32] {
        let result = running.result(status);
        let wallet = self.wallet(&running.run.node);
        let stub = running.pinned.as_ref().zip(wallet);
        let stub = stub.filter(|(stub, _)| commitment(stub).is_some());
        let Some((stub, wallet)) = stub else {
            return self.store.add(result.to_string().into());
        };
        let job = &running.run.job;
        if let Err(error) = confidential::deliver(&self.http, stub, job, wallet, &result).await {
            eprintln!("a node: job {job}: {error:#}");
        }
        // What is public tells nothing of the operations.
        let mut public = result;
        public["opStates"] = json!([]);
        self.store.add(public.to_string().into())
    }

    /// Whether its time was prolonged since it was last looked at.
    async fn is_prolonged(&mut self, key: &Pubkey, now: i64) -> Result<bool> {
        let account = self.cluster.accounts(&[*key]).await?.pop().flatten();
        let Some(running) = self.running.get_mut(key) else {
            return Ok(false);
        };
        if let Some(account) = account {
            if let Some(job) = Job::read(&account.owner, &account.data)? {
                running.timeout_seconds = job.timeout_seconds();
            }
        }
        Ok(!running.is_done(now))
    }

    fn wallet(&self, address: &Pubkey) -> Option<&Keypair> {
        self.wallets
            .iter()
            .find(|wallet| wallet.pubkey() == *address)
    }

    async fn send(&self, instruction: Instruction, signers: &[&Keypair]) -> Result<()> {
        let payer = signers.first().context("a node signs")?.pubkey();
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        let message = assemble(&payer, &[instruction], &[], &Budget::default(), lifetime)?;
        let transaction = VersionedTransaction::try_new(message, signers)?;
        self.cluster.send(&transaction, lifetime).await?;
        Ok(())
    }
}

impl Running {
    fn exposes(&self) -> bool {
        !self.servers.is_empty()
    }

    /// What exposes nothing is done soon, and what serves does so until its time is over.
    fn is_done(&self, now: i64) -> bool {
        let seconds = match self.exposes() {
            true => self.timeout_seconds,
            false => WORK_SECONDS.min(self.timeout_seconds),
        };
        now >= self.run.started_at.saturating_add(seconds)
    }

    /// Serves a page at every port, behind the job's address and the deployment's.
    async fn serve(&mut self, routes: &Routes) -> Result<()> {
        let Some(definition) = &self.definition else {
            return Ok(());
        };
        let of_job = of_job(definition, &self.run.job).known;
        let of_all = of_deployment(definition, &self.project).known;
        for Endpoint { op, port, url } in of_job {
            let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
            let at = listener.local_addr()?;
            let page = page(definition, &op, port, &self.run);
            let app = Router::new().fallback(move || std::future::ready(Html(page.clone())));
            let server = tokio::spawn(async move {
                // Until it is aborted.
                let _ = axum::serve(listener, app).await;
            });
            self.servers.push((at, server));
            routes.add(host(&url), at);
            for all in of_all.iter().filter(|all| all.op == op) {
                routes.add(host(&all.url), at);
            }
        }
        Ok(())
    }

    /// First nothing new comes, then what is under way has its time.
    fn stop(&self, routes: &Routes) {
        const GRACE: Duration = Duration::from_secs(2);
        for (at, server) in &self.servers {
            routes.remove(at);
            let server = server.abort_handle();
            tokio::spawn(async move {
                tokio::time::sleep(GRACE).await;
                server.abort();
            });
        }
    }

    /// What a node stores of a job, in the form that Nosana's nodes do.
    fn result(&self, status: &str) -> Value {
        let definition = self.definition.as_ref().map(Definition::value);
        let ops = definition
            .and_then(|it| it.get("ops"))
            .and_then(Value::as_array);
        let milliseconds = |seconds: i64| seconds.saturating_mul(1_000);
        let start = milliseconds(self.run.started_at);
        let states = ops.into_iter().flatten().map(|op| {
            let image = op.pointer("/args/image").unwrap_or(&Value::Null);
            let said = format!("The localnet runs no containers. A node would have run {image}.\n");
            json!({
                "operationId": op.get("id"),
                "status": status,
                "exitCode": 0,
                "startTime": start,
                "endTime": start,
                "logs": [{"type": "stdout", "log": said}],
            })
        });
        let mut result = json!({
            "status": status,
            "startTime": start,
            "endTime": start,
            "opStates": states.collect::<Vec<_>>(),
        });
        if self.definition.is_none() {
            result["errors"] = json!(["the job definition is not pinned on the localnet's IPFS"]);
        }
        result
    }
}

/// What a job serves at a port.
fn page(definition: &Definition, op: &str, port: u16, run: &Run) -> String {
    let ops = definition.value().get("ops").and_then(Value::as_array);
    let named = |one: &&Value| one.get("id").and_then(Value::as_str) == Some(op);
    let image = ops.into_iter().flatten().find(named);
    let image = image.and_then(|op| op.pointer("/args/image")?.as_str());
    let rows = [
        ("Operation", op.to_owned()),
        ("Image", image.unwrap_or("none").to_owned()),
        ("Port", port.to_string()),
        ("Job", run.job.to_string()),
        ("Node", run.node.to_string()),
    ];
    let rows = rows.map(|(name, value)| format!("<dt>{name}<dd>{}", escaped(&value)));
    format!(
        "<!doctype html>\n<title>{op} on the localnet</title>\n<h1>{op} serves</h1>\n\
         <p>The localnet runs no containers: on a market, this page would be the container's.\n\
         <dl>{rows}</dl>\n",
        op = escaped(op),
        rows = rows.join("\n")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
