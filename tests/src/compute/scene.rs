//! A chain with one deployment, its market and its vault.

use super::{Queue, Row};
use crate::{
    accounts::{market_account, market_on_chain, token_account},
    chain::Chain,
    NOW, SOL, TIMEOUT,
};
use anchor_lang::AccountSerialize;
use anchor_spl::associated_token::get_associated_token_address as nos_account;
use deployments::constants::{JOBS_PROGRAM, NOS_MINT};
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Strategy},
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, common_addresses, Vault},
    seeds,
    transaction::{assemble, transaction_bytes, Budget, Lifetime},
    DeploymentSpec,
};
use nosana_jobs_localnet::{
    constants::RUN_SIZE,
    state::{JobAccount, RunAccount, QUEUE_JOBS, QUEUE_NODES, RUN_RUNNING},
};
use sha2::{Digest, Sha256};
use solana_account::Account;
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

pub(super) struct Scene {
    pub(super) chain: Chain,
    pub(super) owner: Pubkey,
    pub(super) keeper: Pubkey,
    pub(super) vault: Vault,
    pub(super) key: Pubkey,
    pub(super) now: i64,
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
        replicas,
        timeout_seconds: TIMEOUT,
        strategy,
        schedule: scheduled.then(|| Schedule::parse(cron).unwrap()),
        overlap: Overlap::Allow,
        rotation_seconds: u32::from(strategy == Strategy::Infinite) * 1_200,
        auto_extend: strategy == Strategy::SimpleExtend,
        max_price_per_second: u64::MAX,
        keeper_reward_lamports: 10_000,
        vault_index: 0,
        new_vault: false,
        autostart: false,
        job_definition_digest: [1; 32],
        job_definition: serde_json::json!({}),
    }
}

impl Scene {
    /// A market with this queue, and an owner with a full vault. Nothing is created yet.
    pub(super) fn new(base: &Chain, queue: Queue) -> Self {
        let (owner, keeper, market) = (named("owner"), named("keeper"), named("market"));
        let vault = Vault::new(owner, 0);
        let key = seeds::deployment_address(&owner, 0).0;
        let mut addresses = common_addresses(&market);
        addresses.extend([key, vault.address, vault.nos]);
        let mut scene = Self {
            chain: base.clone(),
            owner,
            keeper,
            vault,
            key,
            now: NOW,
            table: AddressLookupTableAccount {
                key: named("lookup table"),
                addresses,
            },
        };
        scene.chain.set_table(&scene.table);
        scene.chain.set_time(NOW);
        for wallet in [owner, keeper] {
            scene
                .chain
                .set(&wallet, Account::new(1_000 * SOL, 0, &Pubkey::default()));
            let nos = token_account(wallet, NOS_MINT, 1_000_000_000_000);
            scene.chain.set(&nos_account(&wallet, &NOS_MINT), nos);
        }
        let mut state = market_account(named("authority"), &market);
        let many = |what: &str, count| (0..count).map(|n| named(&format!("{what} {n}"))).collect();
        match queue {
            Queue::Empty => {}
            Queue::Jobs(count) => {
                (state.queue_type, state.queue) = (QUEUE_JOBS, many("job", count))
            }
            Queue::Nodes(count) => {
                (state.queue_type, state.queue) = (QUEUE_NODES, many("node", count));
                for node in &state.queue {
                    let nos = token_account(*node, NOS_MINT, 0);
                    scene.chain.set(&nos_account(node, &NOS_MINT), nos);
                }
            }
        }
        scene
            .chain
            .set(&state.vault, token_account(state.vault, NOS_MINT, 0));
        scene.chain.set(&market, market_on_chain(&state));
        scene
    }

    /// The same with a deployment in a vault that can pay for it, created and started.
    pub(super) fn started(base: &Chain, queue: Queue, spec: &DeploymentSpec) -> Self {
        let mut scene = Self::new(base, queue);
        scene.does(&ix::create(&scene.owner, 0, spec));
        let (owner, vault, key) = (scene.owner, scene.vault, scene.key);
        scene.does(&ix::fund(&owner, &vault, 100_000_000_000, 10 * SOL));
        scene.does(&[ix::start(&owner, &key)]);
        scene
    }

    /// What comes before what is measured.
    pub(super) fn does(&mut self, instructions: &[Instruction]) {
        self.chain
            .run(instructions, &self.owner, &self.table)
            .unwrap();
    }

    pub(super) fn keeps(&mut self, instruction: Instruction) {
        self.chain
            .run(&[instruction], &self.keeper, &self.table)
            .unwrap();
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += seconds;
        self.chain.set_time(self.now);
    }

    pub(super) fn deployment(&self) -> DeploymentAccount {
        let account = self.chain.account(&self.key).unwrap();
        DeploymentAccount::decode(&account.owner, &account.data).unwrap()
    }

    /// Every active job becomes what `change` makes of it.
    pub(super) fn change_jobs(&mut self, change: impl Fn(&mut JobAccount)) {
        for address in self.deployment().job_addresses(&self.key) {
            let mut job: JobAccount = self.chain.read(&address).unwrap();
            change(&mut job);
            let mut account = self.chain.account(&address).unwrap();
            job.try_serialize(&mut &mut account.data[..]).unwrap();
            self.chain.set(&address, account);
        }
    }

    /// A node takes every active job, by a run where the program would look for its own.
    pub(super) fn take_jobs(&mut self) {
        let deployment = self.deployment();
        for (slot, job) in deployment
            .jobs
            .iter()
            .zip(deployment.job_addresses(&self.key))
        {
            let run = RunAccount {
                job,
                node: named("node"),
                payer: named("node"),
                state: RUN_RUNNING,
                time: self.now,
            };
            let mut data = vec![0; RUN_SIZE];
            run.try_serialize(&mut &mut data[..]).unwrap();
            let account = Account {
                lamports: crate::RUN_RENT,
                data,
                owner: JOBS_PROGRAM,
                ..Account::default()
            };
            self.chain
                .set(&seeds::run_address(&self.key, slot.index).0, account);
        }
    }

    /// Runs an instruction and notes what it took.
    pub(super) fn measure(&mut self, name: &str, payer: Pubkey, jobs: u32, of: Instruction) -> Row {
        let (bytes, accounts) = self.size(&payer, &of);
        let (compute_units, logs) = self
            .chain
            .run(&[of], &payer, &self.table)
            .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        Row {
            name: name.into(),
            jobs,
            compute_units,
            market_units: market_units(&logs),
            bytes,
            accounts,
        }
    }

    /// Bytes and accounts of a transaction, as the keeper makes it.
    pub(super) fn size(&self, payer: &Pubkey, of: &Instruction) -> (usize, usize) {
        let budget = Budget {
            compute_unit_limit: Some(1_400_000),
            compute_unit_price_micro_lamports: Some(1),
        };
        let lifetime = Lifetime::Blockhash(Default::default());
        let instructions = [of.clone()];
        match assemble(
            payer,
            &instructions,
            std::slice::from_ref(&self.table),
            &budget,
            lifetime,
        ) {
            Ok(message) => {
                let lookups = message.address_table_lookups().unwrap_or_default();
                let loaded = lookups
                    .iter()
                    .map(|lookup| lookup.writable_indexes.len() + lookup.readonly_indexes.len());
                let named = message.static_account_keys().len();
                (transaction_bytes(&message), named + loaded.sum::<usize>())
            }
            Err(_) => (usize::MAX, 0),
        }
    }
}

/// What the runtime says that the markets' program used, its own calls included.
fn market_units(logs: &[String]) -> u64 {
    let prefix = format!("Program {} consumed ", JOBS_PROGRAM);
    let lines = logs.iter().filter_map(|line| line.strip_prefix(&prefix));
    let units = lines.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    units.sum()
}
