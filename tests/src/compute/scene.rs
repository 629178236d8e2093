//! A chain with one deployment, its market and its vault.

use super::{
    trace::{self, Trace, HEAP_BYTES},
    Bench, Queue, Row,
};
use crate::{
    market_account, market_on_chain, measure::Measure, token_account, Bank, Chain, NOW, RUN_RENT,
    SOL, TIMEOUT,
};
use anchor_lang::AccountSerialize;
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Settings, Strategy},
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, common_addresses, Vault},
    markets::Run,
    seeds,
    transaction::{
        assemble, transaction_bytes, Budget, Lifetime, MAX_COMPUTE_UNITS, MAX_TRANSACTION_BYTES,
    },
    DeploymentSpec, PROGRAM_ID,
};
use nosana_jobs_interface::{
    account::{JOB_QUEUED, QUEUE_OF_JOBS, QUEUE_OF_NODES, RUN_RUNNING, RUN_SIZE},
    nos_account_address, JOBS_PROGRAM, NOS_MINT,
};
use nosana_jobs_localnet::state::{JobAccount, RunAccount};
use sha2::{Digest, Sha256};
use solana_account::Account;
use solana_message::{AddressLookupTableAccount, VersionedMessage};
use solana_program::{instruction::Instruction, pubkey::Pubkey, rent::Rent};

/// Most instructions in the runtime's trace of a transaction.
pub(super) const MAX_TRACE_LENGTH: usize = 64;
/// A budget that makes a message as long as any.
pub(super) const FULL_BUDGET: Budget = Budget {
    compute_unit_limit: Some(MAX_COMPUTE_UNITS),
    compute_unit_price_micro_lamports: Some(u64::MAX),
};

pub(super) struct Scene {
    pub(super) chain: Chain,
    trace: Trace,
    pub(super) owner: Pubkey,
    pub(super) keeper: Pubkey,
    pub(super) vault: Vault,
    pub(super) key: Pubkey,
    pub(super) now: i64,
    queue: Queue,
    /// What keepers use, and owners do not.
    table: AddressLookupTableAccount,
}

/// The address that belongs to a name, the same in every run.
pub(super) fn named(name: &str) -> Pubkey {
    Pubkey::new_from_array(Sha256::digest(name.as_bytes()).into())
}

/// A deployment's settings.
pub(super) fn spec(strategy: Strategy, replicas: u32, cron: &str) -> DeploymentSpec {
    let scheduled = strategy == Strategy::Scheduled;
    DeploymentSpec {
        name: "measured".into(),
        market: named("market"),
        vault_index: 0,
        vault_address: None,
        new_vault: false,
        default_price_cap: false,
        default_reward: false,
        confidential: false,
        definitions_url: String::new(),
        access_key: None,
        autostart: false,
        job_definition: serde_json::json!({}),
        settings: Settings {
            replicas,
            timeout_seconds: TIMEOUT,
            strategy,
            schedule: scheduled.then(|| Schedule::parse(cron).unwrap()),
            overlap: Overlap::Allow,
            rotation_seconds: u32::from(strategy == Strategy::Infinite) * 1_200,
            auto_extend: strategy == Strategy::SimpleExtend,
            max_price_per_second: u64::MAX,
            keeper_reward_lamports: 10_000,
            ..Settings::new(strategy)
        },
    }
}

impl Scene {
    /// A market with this queue, and an owner with a full vault. Nothing is created yet.
    pub(super) fn new(bench: &Bench, queue: Queue) -> Self {
        Self::owned_by(bench, queue, named("owner"))
    }

    /// The same with another owner.
    pub(super) fn owned_by(bench: &Bench, queue: Queue, owner: Pubkey) -> Self {
        let (keeper, market) = (named("keeper"), named("market"));
        let vault = Vault::new(owner, 0);
        let key = seeds::deployment_address(&owner, 0).0;
        let mut addresses = common_addresses(&market);
        addresses.extend([key, vault.address, vault.nos]);
        let mut scene = Self {
            chain: bench.chain.clone(),
            trace: bench.trace.clone(),
            owner,
            keeper,
            vault,
            key,
            now: NOW,
            queue,
            table: AddressLookupTableAccount {
                key: named("lookup table"),
                addresses,
            },
        };
        scene.chain.set_table(&scene.table);
        scene.chain.set_time(NOW);
        for wallet in [owner, keeper] {
            scene.endow(&wallet);
        }
        scene.set_queue(queue, &[]);
        let vault = market_account(named("authority"), &market).vault;
        let empty = token_account(vault, NOS_MINT, 0);
        scene.chain.set(&vault, empty);
        scene
    }

    /// The same with a deployment in a vault that can pay for it, created and started.
    pub(super) fn started(bench: &Bench, queue: Queue, spec: &DeploymentSpec) -> Self {
        let mut scene = Self::new(bench, queue);
        scene.does(&ix::create(&scene.owner, 0, spec));
        let (owner, vault, key) = (scene.owner, scene.vault, scene.key);
        scene.does(&ix::fund(&owner, &vault, 100_000_000_000, 10 * SOL));
        scene.does(&[ix::start(&owner, &key)]);
        scene
    }

    /// A deployment with `count` jobs listed while the queue is empty, in batches that fit.
    pub(super) fn listed(bench: &Bench, strategy: Strategy, count: u32) -> Self {
        const BATCH: u32 = 8;
        let mut scene = Self::started(bench, Queue::Empty, &spec(strategy, count, ""));
        for first in (0..count).step_by(8) {
            let some = BATCH.min(count - first);
            let list = ix::list_jobs(&scene.keeper, &scene.deployment(), some);
            scene.keeps(list);
        }
        scene
    }

    /// Gives a wallet SOL and NOS.
    pub(super) fn endow(&mut self, wallet: &Pubkey) {
        let nos = Some(1_000_000_000_000);
        self.chain.put_wallet(*wallet, 1_000 * SOL, nos);
    }

    /// Replaces the market's queue; our `own` jobs come last.
    pub(super) fn set_queue(&mut self, queue: Queue, own: &[Pubkey]) {
        self.queue = queue;
        let market = named("market");
        let mut state = market_account(named("authority"), &market);
        let others = |what: &str, count: u32| {
            let others = (0..count).map(|n| named(&format!("{what} {n}")));
            others.skip(own.len()).collect()
        };
        (state.queue_type, state.queue) = match queue {
            Queue::Empty if own.is_empty() => (state.queue_type, Vec::new()),
            Queue::Empty => (QUEUE_OF_JOBS, Vec::new()),
            Queue::Jobs(count) => (QUEUE_OF_JOBS, others("job", count)),
            Queue::Nodes(count) => (QUEUE_OF_NODES, others("node", count)),
        };
        state.queue.extend(own);
        self.chain.set(&market, market_on_chain(&state));
    }

    /// Runs the steps that lead up to a measurement.
    pub(super) fn does(&mut self, instructions: &[Instruction]) {
        self.chain.run(instructions, &self.owner, &[]).unwrap();
    }

    pub(super) fn keeps(&mut self, instruction: Instruction) {
        let tables = std::slice::from_ref(&self.table);
        self.chain
            .run(&[instruction], &self.keeper, tables)
            .unwrap();
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        self.chain.set_time(self.now);
    }

    pub(super) fn deployment(&self) -> DeploymentAccount {
        let account = self.chain.account(&self.key).unwrap();
        DeploymentAccount::decode(self.key, &account.owner, &account.data).unwrap()
    }

    /// The active jobs' accounts.
    pub(super) fn jobs(&self) -> Vec<Pubkey> {
        self.deployment().job_addresses()
    }

    /// The active jobs that have not ended.
    pub(super) fn queued_jobs(&self) -> Vec<Pubkey> {
        let state = |address: &Pubkey| self.chain.read::<JobAccount>(address).unwrap().state;
        let mut jobs = self.jobs();
        jobs.retain(|address| state(address) == JOB_QUEUED);
        jobs
    }

    /// Applies `change` to every active job.
    pub(super) fn change_jobs(&mut self, change: impl Fn(&mut JobAccount)) {
        for address in self.jobs() {
            let mut job: JobAccount = self.chain.read(&address).unwrap();
            change(&mut job);
            let mut account = self.chain.account(&address).unwrap();
            job.try_serialize(&mut &mut account.data[..]).unwrap();
            self.chain.set(&address, account);
        }
    }

    /// A different node takes each active job.
    pub(super) fn take_jobs(&mut self) -> Vec<Run> {
        let jobs = self.jobs().into_iter().enumerate();
        jobs.map(|(number, job)| {
            let node = named(&format!("node {number}"));
            let address = named(&format!("run {number}"));
            let nos = token_account(node, NOS_MINT, 0);
            self.chain.set(&nos_account_address(&node), nos);
            let run = RunAccount {
                job,
                node,
                payer: node,
                state: RUN_RUNNING,
                time: self.now,
            };
            let mut data = vec![0; RUN_SIZE];
            run.try_serialize(&mut &mut data[..]).unwrap();
            let account = Account {
                lamports: RUN_RENT,
                data,
                owner: JOBS_PROGRAM,
                ..Account::default()
            };
            self.chain.set(&address, account);
            Run {
                address,
                job,
                node,
                payer: node,
                started_at: self.now,
            }
        })
        .collect()
    }

    /// Runs an owner's instruction and notes what it took.
    pub(super) fn of_owner(&mut self, name: &str, of: Instruction) -> Row {
        let owner = self.owner;
        let row = self.measure(name, (&owner, &FULL_BUDGET), 0, &[of], &[]);
        Row {
            is_of_owner: true,
            ..row
        }
    }

    /// Runs a keeper's instruction and notes what it took.
    pub(super) fn of_keeper(&mut self, name: &str, jobs: u32, of: Instruction) -> Row {
        let (keeper, table) = (self.keeper, self.table.clone());
        self.measure(name, (&keeper, &FULL_BUDGET), jobs, &[of], &[table])
    }

    /// Runs instructions and notes what they took, in a transaction that somebody pays for and that
    /// has this budget.
    pub(super) fn measure(
        &mut self,
        name: &str,
        payer: (&Pubkey, &Budget),
        jobs: u32,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
    ) -> Row {
        let message = message(payer, instructions, tables).unwrap_or_else(|| panic!("{name}"));
        let accounts = accounts(&message, tables);
        let rent_before = self.rent(&accounts);
        let ran = self
            .chain
            .run(instructions, payer.0, tables)
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        let [ours, theirs] = [PROGRAM_ID, JOBS_PROGRAM].map(|program| self.trace.of(&program));
        let row = Row {
            name: name.into(),
            is_of_owner: false,
            jobs,
            queue: self.queue,
            compute_units: ran.compute_units,
            market_units: market_units(&ran.logs),
            bytes: transaction_bytes(&message),
            accounts: accounts.len(),
            signatures: message.header().num_required_signatures.into(),
            trace_length: message.instructions().len() + ran.calls,
            own_steps: ours.iter().map(|ran| ran.steps).sum(),
            own_syscalls: trace::syscalls(&ours),
            heap_bytes: trace::heap_bytes(&ours),
            market_heap_bytes: trace::heap_bytes(&theirs),
            rent_lamports: self.rent(&accounts) - rent_before,
        };
        let heap_bytes = row.heap_bytes.max(row.market_heap_bytes);
        assert!(row.bytes <= MAX_TRANSACTION_BYTES, "{row:?}");
        assert!(row.compute_units <= MAX_COMPUTE_UNITS.into(), "{row:?}");
        assert!(
            row.trace_length <= MAX_TRACE_LENGTH && heap_bytes <= HEAP_BYTES,
            "{row:?}"
        );
        row
    }

    /// Rent-exempt minimums of the accounts that hold data.
    fn rent(&self, accounts: &[Pubkey]) -> i64 {
        let accounts = accounts.iter().filter_map(|key| self.chain.account(key));
        let sizes = accounts.map(|account| account.data.len());
        let rents = sizes
            .filter(|size| *size > 0)
            .map(|size| Rent::default().minimum_balance(size));
        i64::try_from(rents.sum::<u64>()).unwrap()
    }

    /// The largest number of jobs that a keeper's transaction has room for.
    pub(super) fn most_jobs(&self, instruction: impl Fn(u32) -> Instruction) -> u32 {
        let tables = std::slice::from_ref(&self.table);
        let fits = |count: &u32| {
            let payer = (&self.keeper, &FULL_BUDGET);
            message(payer, &[instruction(*count)], tables).is_some()
        };
        (1..=32).rev().find(fits).unwrap()
    }
}

/// The message that carries instructions, unless it is too large.
pub(super) fn message(
    (payer, budget): (&Pubkey, &Budget),
    instructions: &[Instruction],
    tables: &[AddressLookupTableAccount],
) -> Option<VersionedMessage> {
    let lifetime = Lifetime::Blockhash(Default::default());
    assemble(payer, instructions, tables, budget, lifetime).ok()
}

/// Every account that a message names or loads.
fn accounts(message: &VersionedMessage, tables: &[AddressLookupTableAccount]) -> Vec<Pubkey> {
    let mut accounts = message.static_account_keys().to_vec();
    for lookup in message.address_table_lookups().unwrap_or_default() {
        let table = tables.iter().find(|table| table.key == lookup.account_key);
        let indexes = lookup
            .writable_indexes
            .iter()
            .chain(&lookup.readonly_indexes);
        accounts.extend(indexes.map(|index| table.unwrap().addresses[usize::from(*index)]));
    }
    accounts
}

/// What the runtime says that the markets' program used, its own calls included.
fn market_units(logs: &[String]) -> u64 {
    let prefix = format!("Program {} consumed ", JOBS_PROGRAM);
    let lines = logs.iter().filter_map(|line| line.strip_prefix(&prefix));
    let units = lines.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    units.sum()
}
