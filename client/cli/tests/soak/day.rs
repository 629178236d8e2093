//! The day: time goes from event to event, and at each the keepers have to be done before it goes on.

use crate::{
    books::Books,
    keepers::{self, Keeper},
    nodes::Nodes,
    plan,
    proxy::Proxy,
    Size,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    domain::status::Status,
    instructions::{self as ix, Vault},
    keeper::plan::Snapshot,
    localnet::{Localnet, Programs, JOB_EXPIRATION_SECONDS},
    rpc::{Cluster, ClusterError, Receipt},
    seeds,
    transaction::{assemble, Budget, Lifetime},
    DeploymentSpec,
};
use rand::{rngs::StdRng, Rng, SeedableRng};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The longest that anything may stay due, in on-chain seconds, whoever is killed and whatever fails.
pub(crate) const STATED_LAG_SECONDS: i64 = 60;
/// A keeper that is killed comes back after so many steps, at most.
const LONGEST_ABSENCE: usize = 6;
/// Nobody waits longer than this for keepers, in real time.
const PATIENCE: Duration = Duration::from_secs(300);
/// The soak's keepers do what is due whatever it pays.
const FOR_EVERYBODY: &[&str] = &[
    "--profitable-only=false",
    "--max-loss",
    "1",
    "--create-node-accounts",
];
/// Events this close together are one step.
const TOGETHER_SECONDS: i64 = 20;

/// The localnet, and who is on it.
pub(crate) struct Stage {
    pub(crate) localnet: Localnet,
    pub(crate) cluster: Cluster,
    pub(crate) market: Pubkey,
    pub(crate) owner: Keypair,
}

/// A deployment of the day.
pub(crate) struct Subject {
    pub(crate) key: Pubkey,
    pub(crate) spec: DeploymentSpec,
    pub(crate) vault: Vault,
    /// Since when something is due.
    due_since: Option<i64>,
    /// When the plan says that something will be.
    expected: Option<i64>,
}

pub(crate) struct Day {
    pub(crate) stage: Stage,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) keepers: Vec<Keeper>,
    pub(crate) nodes: Nodes,
    pub(crate) books: Books,
    proxy: Option<Proxy>,
    rng: StdRng,
    started_at: i64,
    ends_at: i64,
    /// On-chain time before nodes, or the owner, last did something.
    acted_at: i64,
    steps: u32,
    kills: u32,
    worst_lag: i64,
    began: Instant,
}

impl Stage {
    /// A localnet with a market, and an owner with much of everything.
    pub(crate) async fn open() -> Self {
        let localnet = Localnet::start(Programs::read(&elves()).unwrap())
            .await
            .unwrap();
        let (market, owner) = (Pubkey::new_unique(), Keypair::new());
        localnet
            .open_market(&market, &Pubkey::new_unique(), plan::PRICE)
            .unwrap();
        localnet
            .fund(&owner.pubkey(), 100_000_000_000_000, 50_000_000_000_000)
            .unwrap();
        let cluster = Cluster::new(localnet.rpc_url(), CommitmentConfig::confirmed());
        Self {
            localnet,
            cluster,
            market,
            owner,
        }
    }

    pub(crate) fn urls(&self) -> (String, String) {
        let urls = [self.localnet.rpc_url(), self.localnet.ws_url()];
        urls.map(str::to_owned).into()
    }

    pub(crate) async fn send(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, ClusterError> {
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        let budget = Budget {
            compute_unit_limit: Some(1_400_000),
            ..Budget::default()
        };
        let message = assemble(&signers[0].pubkey(), instructions, &[], &budget, lifetime).unwrap();
        let transaction = VersionedTransaction::try_new(message, signers).unwrap();
        self.cluster.send(&transaction, lifetime).await
    }

    async fn snapshots(&self, keys: &[Pubkey]) -> Vec<Snapshot> {
        let found = self.cluster.accounts(keys).await.unwrap();
        let decoded = keys.iter().zip(found).map(|(key, account)| {
            let account = account.unwrap();
            DeploymentAccount::decode(*key, &account.owner, &account.data).unwrap()
        });
        let (_, seen) = self.cluster.overview(decoded.collect()).await.unwrap();
        seen.into_iter().map(|(_, seen)| seen.unwrap()).collect()
    }

    async fn by_owner(&self, instructions: &[Instruction]) {
        self.send(instructions, &[&self.owner]).await.unwrap();
    }
}

impl Day {
    pub(crate) async fn begin(name: &str, size: &Size, with_faults: bool) -> Self {
        let began = Instant::now();
        let folder = folder(name);
        let pace = plan::Pace::of(size.hours);
        let mut rng = StdRng::seed_from_u64(size.seed);
        let stage = Stage::open().await;
        let nodes = Nodes::new(&stage, pace);
        let urls = stage.urls();
        let proxy = match with_faults {
            true => Some(Proxy::faulty(&urls, size.seed).await),
            false => None,
        };
        let urls = proxy.as_ref().map_or(urls, Proxy::urls);
        let mut subjects = Vec::new();
        let mut books = Books::default();
        for number in 0..size.deployments {
            let spec = plan::spec(number, &stage.market, pace, &mut rng);
            subjects.push(create(&stage, number, spec, &mut books).await);
        }
        let mut keepers: Vec<Keeper> = (0..3)
            .map(|number| {
                let flags = [keepers::HASTY, FOR_EVERYBODY].concat();
                Keeper::new(&folder, number, urls.clone(), &flags)
            })
            .collect();
        for keeper in &mut keepers {
            let cheats = stage.localnet.surfnet().cheatcodes();
            cheats.fund_sol(&keeper.address, 100_000_000_000).unwrap();
            keeper.start();
        }
        let started_at = stage.cluster.now().await.unwrap();
        Self {
            stage,
            subjects,
            keepers,
            nodes,
            books,
            proxy,
            rng,
            started_at,
            ends_at: started_at + size.hours * 3_600,
            acted_at: started_at,
            steps: 0,
            kills: 0,
            worst_lag: 0,
            began,
        }
    }

    /// From event to event, until the day is over.
    pub(crate) async fn pass(&mut self) {
        self.quieten(self.all()).await;
        loop {
            let now = self.stage.cluster.now().await.unwrap();
            self.quieten(self.expected(now)).await;
            let Some(next) = self.next_event().await.filter(|next| *next < self.ends_at) else {
                break;
            };
            if next > now {
                self.stage.localnet.travel(next + TOGETHER_SECONDS).unwrap();
            }
            self.steps += 1;
            if self.steps.is_multiple_of(50) {
                let passed = (next - self.started_at) as f64 / 3_600.0;
                let elapsed = self.began.elapsed().as_secs();
                eprintln!(
                    "{passed:.1} hours in {elapsed} s, worst lag {} s",
                    self.worst_lag
                );
            }
            self.kill_and_restart().await;
        }
    }

    /// Waits until nothing is due for these deployments, and for those on which nodes act meanwhile.
    async fn quieten(&mut self, numbers: Vec<usize>) {
        let since = Instant::now();
        let mut due = self.survey(numbers).await;
        loop {
            while !due.is_empty() {
                let crashed = self.keepers.iter_mut().any(Keeper::has_crashed);
                assert!(!crashed, "a keeper ended");
                assert!(since.elapsed() < PATIENCE, "still due: {due:#?}");
                tokio::time::sleep(Duration::from_millis(300)).await;
                due = self.survey(due.into_keys()).await;
            }
            self.acted_at = self.stage.cluster.now().await.unwrap();
            if self.nodes.act(&self.stage).await == 0 {
                return;
            }
            due = self.survey(self.all()).await;
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.subjects.len()).collect()
    }

    /// Those that the plan says have something due by now.
    fn expected(&self, now: i64) -> Vec<usize> {
        let subjects = self.subjects.iter().enumerate();
        let expected = subjects.filter(|(_, subject)| subject.expected.is_some_and(|at| at <= now));
        expected.map(|(number, _)| number).collect()
    }

    /// What is due for some now; notes for how long.
    async fn survey(
        &mut self,
        numbers: impl IntoIterator<Item = usize>,
    ) -> BTreeMap<usize, String> {
        let numbers: Vec<usize> = numbers.into_iter().collect();
        let keys: Vec<Pubkey> = numbers
            .iter()
            .map(|number| self.subjects[*number].key)
            .collect();
        let snapshots = self.stage.snapshots(&keys).await;
        let mut all = BTreeMap::new();
        for (number, snapshot) in numbers.into_iter().zip(snapshots) {
            let subject = &mut self.subjects[number];
            let (due, now) = (snapshot.due(), snapshot.now);
            if due.is_empty() {
                if let Some(since) = subject.due_since.take() {
                    self.worst_lag = self.worst_lag.max(now - since);
                }
                subject.expected = snapshot.next_at();
            } else {
                let expected = subject.expected.filter(|at| *at <= now);
                // If no clock made it due, somebody's action since then did.
                let since = expected.unwrap_or(self.acted_at);
                let since = *subject.due_since.get_or_insert(since);
                let due: Vec<String> = due.iter().map(ToString::to_string).collect();
                let name = snapshot.deployment.header.name();
                all.insert(
                    number,
                    format!("{name} for {} s: {}", now - since, due.join(", ")),
                );
            }
        }
        all
    }

    async fn snapshots(&self) -> Vec<Snapshot> {
        let keys: Vec<Pubkey> = self.subjects.iter().map(|subject| subject.key).collect();
        self.stage.snapshots(&keys).await
    }

    async fn next_event(&self) -> Option<i64> {
        let expected = self.subjects.iter().filter_map(|subject| subject.expected);
        let of_nodes = self.nodes.next_at(&self.stage).await;
        expected.chain(of_nodes).min()
    }

    /// Two of the three are killed at random moments, and come back later.
    async fn kill_and_restart(&mut self) {
        for number in 1..3 {
            let keeper = &mut self.keepers[number];
            if keeper.is_running() {
                if self.rng.random_bool(0.15) {
                    let moment = Duration::from_millis(self.rng.random_range(0..1_500));
                    tokio::time::sleep(moment).await;
                    keeper.kill();
                    self.kills += 1;
                }
            } else if self.rng.random_range(0..LONGEST_ABSENCE) == 0 {
                keeper.start();
            }
        }
    }

    /// The owner stops and archives everything; what remains is cleaned up a day later.
    pub(crate) async fn end(&mut self) {
        self.quieten(self.all()).await;
        self.books.note_listed(&self.snapshots().await);
        let snapshots = self.snapshots().await;
        let running = snapshots.iter().enumerate().filter(|(_, snapshot)| {
            let status = snapshot.deployment.status();
            !matches!(status, Status::Stopped | Status::Draft)
        });
        let running: Vec<(usize, Pubkey)> = running
            .map(|(number, snapshot)| (number, snapshot.deployment.address))
            .collect();
        for some in running.chunks(16) {
            self.acted_at = self.stage.cluster.now().await.unwrap();
            let owner = self.stage.owner.pubkey();
            let stage = &self.stage;
            let stopping = some.iter().map(|(_, key)| async move {
                stage.by_owner(&[ix::stop(&owner, key)]).await;
            });
            futures_util::future::join_all(stopping).await;
            self.quieten(some.iter().map(|(number, _)| *number).collect())
                .await;
        }
        for snapshot in self.snapshots().await {
            assert_eq!(
                snapshot.deployment.status(),
                Status::Stopped,
                "{}",
                snapshot.deployment.header.name()
            );
            self.stage
                .by_owner(&[ix::archive(
                    &self.stage.owner.pubkey(),
                    &snapshot.deployment.address,
                )])
                .await;
        }
        let now = self.stage.cluster.now().await.unwrap();
        self.stage
            .localnet
            .travel(now + JOB_EXPIRATION_SECONDS + 60)
            .unwrap();
        // A day leaves more than a thousand. Cleaning takes a while, but their number must fall.
        let (mut fewest, mut since) = (usize::MAX, Instant::now());
        loop {
            let left = self.books.jobs_left(&self.stage).await;
            if left == 0 {
                break;
            }
            if left < fewest {
                (fewest, since) = (left, Instant::now());
            }
            let waited = since.elapsed();
            assert!(waited < PATIENCE, "{left} finished jobs are not cleaned");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.books
            .close(&self.stage, &self.subjects, &self.nodes)
            .await;
    }

    pub(crate) fn report(&self) -> String {
        let mut outcomes = BTreeMap::new();
        for keeper in &self.keepers {
            keeper.outcomes(&mut outcomes);
        }
        let count = |outcome: &str| -> u32 {
            let of = outcomes.iter().filter(|(name, _)| name.ends_with(outcome));
            of.map(|(_, count)| count).sum()
        };
        let hours = (self.ends_at - self.started_at) / 3_600;
        let mut text = format!(
            "{} deployments, {hours} hours in {} steps, {:.0} s of real time\n",
            self.subjects.len(),
            self.steps,
            self.began.elapsed().as_secs_f64()
        );
        let nodes = &self.nodes;
        let _ = writeln!(
            text,
            "nodes: {} jobs finished, {} quit, {} never heard of again",
            nodes.finished, nodes.quit, nodes.vanished
        );
        let _ = writeln!(text, "keepers: killed {} times; {} actions done, {} races lost, {} expired, {} refused before they cost anything", self.kills, count(" done"), count(" lost"), count(" expired"), count(" refused"));
        let _ = writeln!(text, "  {outcomes:?}");
        if let Some(proxy) = &self.proxy {
            let _ = writeln!(text, "faults injected: {}", proxy.faults());
        }
        let _ = writeln!(
            text,
            "worst lag: {} s on chain (stated: {STATED_LAG_SECONDS} s)",
            self.worst_lag
        );
        text + &self.books.report()
    }

    pub(crate) fn verify(&self) {
        self.books.verify(&self.subjects, self.started_at);
        assert!(
            self.worst_lag <= STATED_LAG_SECONDS,
            "something was due for {} s",
            self.worst_lag
        );
        if let Some(proxy) = &self.proxy {
            proxy.verify();
        }
    }
}

/// Creates a deployment and funds its vault with more than it can use.
async fn create(stage: &Stage, number: usize, spec: DeploymentSpec, books: &mut Books) -> Subject {
    const NOS: u64 = 100_000_000_000;
    const LAMPORTS: u64 = 2_000_000_000;
    let owner = stage.owner.pubkey();
    let id = u64::try_from(number).unwrap();
    let vault = Vault::new(owner, spec.vault_index);
    stage.by_owner(&ix::create(&owner, id, &spec)).await;
    stage
        .by_owner(&ix::fund(&owner, &vault, NOS, LAMPORTS))
        .await;
    let key = seeds::deployment_address(&owner, id).0;
    let deployment = stage.cluster.deployment(&key).await.unwrap();
    books.deposited(NOS, LAMPORTS, deployment.header.created_at);
    Subject {
        key,
        spec,
        vault,
        due_since: None,
        expected: None,
    }
}

/// A folder of this run's own: two soaks may run at the same time.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("soak")
        .join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where `cargo xtask build-program` puts the programs.
fn elves() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let target = || set("CARGO_TARGET_DIR").unwrap_or_else(|| "../../target".into());
    set("SBF_OUT_DIR").unwrap_or_else(|| target().join("deploy"))
}
