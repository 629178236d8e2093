//! Who and what a scenario is about, and what has been listed so far.

use super::{Plan, Scenario};
use crate::{market_account, Bank, COST, NOW, PRICE, SOL, TIMEOUT};
use crate::{Chain, Failure};
use deployments_domain::{
    cron::Schedule,
    funding::Rents,
    settings::{Overlap, Settings, Strategy},
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, JobRun, Vault},
    jobs_program::account::QUEUE_OF_JOBS,
    markets::Run,
    seeds, DeploymentSpec, PROGRAM_ID,
};
use nosana_jobs_interface::{
    node::{Assignment, Node},
    REWARDS_VAULT,
};
use nosana_jobs_localnet::state::{JobAccount, MarketAccount, RunAccount};
use sha2::{Digest, Sha256};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use std::collections::{BTreeMap, BTreeSet};

/// A job that was listed at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) deployment: usize,
    pub(super) index: u64,
}

/// The world of one scenario.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) chain: Chain,
    pub(super) now: i64,
    pub(super) owner: Pubkey,
    pub(super) keeper: Pubkey,
    pub(super) attacker: Pubkey,
    pub(super) authority: Pubkey,
    pub(super) nodes: [Pubkey; 2],
    pub(super) market: Pubkey,
    /// One that deployments move to, and back from.
    pub(super) second_market: Pubkey,
    /// Access keys of the owner's; the keeper has both.
    pub(super) access_keys: [Pubkey; 2],
    /// The attacker's own, on which every finished job has expired.
    pub(super) foreign_market: Pubkey,
    pub(super) vaults: [Vault; 2],
    pub(super) deployments: Vec<Pubkey>,
    pub(super) jobs: BTreeMap<Pubkey, Listed>,
    pub(super) runs: BTreeSet<Pubkey>,
    pub(super) written_off: BTreeSet<Pubkey>,
    /// The market's authority took the deposits, or a second claim was paid out of them.
    pub(super) market_robbed: bool,
    /// The network fee that the markets' program takes now.
    pub(super) fee_bps: u16,
    /// The deployment that a keeper last tried to list jobs of.
    pub(super) listed_last: usize,
    keys: u64,
    seed: u64,
}

impl Stage {
    pub(super) fn new(base: &Chain, scenario: &Scenario) -> Self {
        let nobody = Pubkey::default();
        let mut stage = Self {
            chain: base.clone(),
            now: NOW,
            owner: nobody,
            keeper: nobody,
            attacker: nobody,
            authority: nobody,
            nodes: [nobody; 2],
            market: nobody,
            second_market: nobody,
            access_keys: [nobody; 2],
            foreign_market: nobody,
            vaults: [0, 1].map(|index| Vault::new(nobody, index)),
            deployments: Vec::new(),
            jobs: BTreeMap::new(),
            runs: BTreeSet::new(),
            written_off: BTreeSet::new(),
            market_robbed: false,
            fee_bps: 0,
            listed_last: 0,
            keys: 0,
            seed: scenario.seed,
        };
        stage.chain.set_time(NOW);
        stage.chain.put_fee(0);
        let [owner, keeper, attacker, authority, first, second] = [(); 6].map(|()| stage.wallet());
        stage.owner = owner;
        stage.keeper = keeper;
        stage.attacker = attacker;
        stage.authority = authority;
        stage.nodes = [first, second];
        stage.vaults = [0, 1].map(|index| Vault::new(owner, index));
        stage.market = stage.open_market(authority, 3_600);
        stage.second_market = stage.open_market(authority, 3_600);
        stage.access_keys = [stage.key(), stage.key()];
        stage.foreign_market = stage.open_market(attacker, -1_000_000_000_000);
        let rich = Some(1_000_000_000_000_000);
        stage.chain.put_wallet(owner, 1_000 * SOL, rich);
        for (number, plan) in scenario.deployments.iter().enumerate() {
            stage.create(number, plan);
        }
        stage
    }

    /// A fresh address, the same in every replay.
    pub(super) fn key(&mut self) -> Pubkey {
        self.keys += 1;
        let hash = Sha256::new()
            .chain_update(self.seed.to_le_bytes())
            .chain_update(self.keys.to_le_bytes())
            .finalize();
        Pubkey::new_from_array(hash.into())
    }

    fn wallet(&mut self) -> Pubkey {
        let key = self.key();
        self.chain.put_wallet(key, 1_000 * SOL, Some(0));
        key
    }

    fn open_market(&mut self, authority: Pubkey, job_expiration: i64) -> Pubkey {
        let key = self.key();
        let mut market = market_account(authority, &key);
        market.job_expiration = job_expiration;
        self.chain.put_market(key, &market);
        key
    }

    /// Changes the network fee that the markets' program takes.
    pub(super) fn set_fee(&mut self, bps: u16) {
        let taken = self.chain.account(&REWARDS_VAULT).unwrap();
        self.chain.put_fee(bps);
        self.chain.set(&REWARDS_VAULT, taken);
        self.fee_bps = bps;
    }

    fn create(&mut self, number: usize, plan: &Plan) {
        let strategy = Strategy::ALL[usize::from(plan.strategy) % 4];
        let scheduled = strategy == Strategy::Scheduled;
        let job_definition = serde_json::json!({});
        let spec = DeploymentSpec {
            name: format!("deployment {number}"),
            market: self.market,
            vault_index: u16::from(number == 2),
            vault_address: None,
            new_vault: false,
            default_price_cap: false,
            default_reward: false,
            confidential: false,
            definitions_url: String::new(),
            access_key: None,
            autostart: true,
            job_definition,
            settings: Settings {
                replicas: plan.replicas,
                timeout_seconds: TIMEOUT,
                max_queue_seconds: 0,
                strategy,
                schedule: scheduled.then(|| Schedule::parse("*/30 * * * *").unwrap()),
                overlap: match scheduled {
                    true => Overlap::ALL[usize::from(plan.overlap) % 3],
                    false => Overlap::Allow,
                },
                rotation_seconds: u32::from(strategy == Strategy::Infinite) * 1_200,
                auto_extend: plan.auto_extend && strategy == Strategy::SimpleExtend,
                max_price_per_second: if plan.capped { PRICE } else { u64::MAX },
                max_fee_bps: plan.max_fee_bps,
                keeper_reward_lamports: plan.keeper_reward,
                max_rewards_lamports_per_day: 1_000_000,
                retries: match strategy {
                    Strategy::Simple | Strategy::SimpleExtend => plan.retries,
                    Strategy::Scheduled | Strategy::Infinite => 0,
                },
            },
        };
        let id = u64::try_from(number).unwrap();
        let owner = self.owner;
        let vault = self.vaults[number / 2];
        self.chain
            .send(&ix::create(&owner, id, &spec), &owner)
            .unwrap();
        self.chain
            .send(&ix::fund(&owner, &vault, 2 * COST, 20_000_000), &owner)
            .unwrap();
        self.deployments
            .push(seeds::deployment_address(&owner, id).0);
    }

    /// The vault that pays for a deployment.
    pub(super) fn vault_of(&self, deployment: usize) -> Vault {
        self.vaults[deployment / 2]
    }

    /// A deployment's account, unless it is closed.
    pub(super) fn deployment(&self, number: usize) -> Option<DeploymentAccount> {
        let account = self.chain.account(&self.deployments[number])?;
        DeploymentAccount::decode(self.deployments[number], &account.owner, &account.data).ok()
    }

    /// Where jobs wait for a node; the first market if none do.
    pub(super) fn market_with_jobs(&self) -> Pubkey {
        let waits = |key: &Pubkey| {
            let market: Option<MarketAccount> = self.chain.read(key);
            market.is_some_and(|it| it.queue_type == QUEUE_OF_JOBS && !it.queue.is_empty())
        };
        let markets = [self.market, self.second_market];
        markets.into_iter().find(waits).unwrap_or(self.market)
    }

    /// The access key that has to sign for a job, if one does.
    pub(super) fn access_key_of(&self, job: &Pubkey) -> Option<Pubkey> {
        let project = self.job(job)?.project;
        self.access_keys.into_iter().find(|key| *key == project)
    }

    /// What a keeper passes for jobs: with the access key that the first of them needs, and without
    /// those that need the other.
    pub(super) fn signed(
        &self,
        deployment: &DeploymentAccount,
        jobs: &mut Vec<JobRun>,
        build: impl FnOnce(&[JobRun]) -> Instruction,
    ) -> Instruction {
        let key_of = |job: &JobRun| self.access_key_of(&deployment.job_address(job.index));
        let key = jobs.iter().find_map(key_of);
        jobs.retain(|job| key_of(job).is_none() || key_of(job) == key);
        let instruction = build(jobs);
        match key {
            Some(key) => ix::with_access_key(instruction, &key),
            None => instruction,
        }
    }

    /// The owner account, deployments and revisions that there are.
    pub(super) fn accounts_of_the_owner(&self) -> Vec<Pubkey> {
        let mut keys = vec![seeds::owner_address(&self.owner).0];
        for deployment in &self.deployments {
            keys.push(*deployment);
            keys.extend((2..5).map(|number| seeds::revision_address(deployment, number).0));
        }
        keys.retain(|key| {
            let account = self.chain.account(key);
            account.is_some_and(|account| account.owner == PROGRAM_ID)
        });
        keys
    }

    /// The cluster's rents now.
    pub(super) fn rents(&self) -> Rents {
        deployments::vault::rents_by(&self.chain.rent())
    }

    pub(super) fn job(&self, job: &Pubkey) -> Option<JobAccount> {
        self.chain.read(job)
    }

    /// A live run of a job. After several claims there may be more.
    pub(super) fn run_of(&self, job: &Pubkey) -> Option<(Pubkey, RunAccount)> {
        self.runs.iter().find_map(|key| {
            let run: RunAccount = self.chain.read(key)?;
            (run.job == *job).then_some((*key, run))
        })
    }

    /// The same, as a keeper knows it.
    pub(super) fn known_run(&self, job: &Pubkey) -> Option<Run> {
        let (address, run) = self.run_of(job)?;
        Some(Run {
            address,
            job: run.job,
            node: run.node,
            payer: run.payer,
            started_at: run.time,
        })
    }

    /// A job and its run, as the node that runs it knows them.
    pub(super) fn assignment(&self, job: Pubkey) -> Option<(Node, Assignment)> {
        let (run, state) = self.run_of(&job)?;
        let account = self.job(&job)?;
        let assignment = Assignment {
            job,
            job_payer: account.payer,
            run,
            run_payer: state.payer,
            market: account.market,
        };
        Some((Node(state.node), assignment))
    }

    /// The job number `job` modulo the jobs that satisfy a condition.
    pub(super) fn pick(
        &self,
        job: usize,
        condition: impl Fn(&Pubkey, &JobAccount) -> bool,
    ) -> Option<Pubkey> {
        let all: Vec<Pubkey> = self
            .jobs
            .keys()
            .filter(|key| self.job(key).is_some_and(|state| condition(key, &state)))
            .copied()
            .collect();
        (!all.is_empty()).then(|| all[job % all.len()])
    }

    pub(super) fn by_owner(&mut self, instruction: Instruction) -> Result<(), Failure> {
        let owner = self.owner;
        self.chain.send(&[instruction], &owner).map(drop)
    }

    pub(super) fn by_keeper(&mut self, instruction: Instruction) -> Result<(), Failure> {
        let keeper = self.keeper;
        self.chain.send(&[instruction], &keeper).map(drop)
    }

    pub(super) fn by_attacker(&mut self, instruction: Instruction) -> Result<(), Failure> {
        let attacker = self.attacker;
        self.chain.send(&[instruction], &attacker).map(drop)
    }
}
