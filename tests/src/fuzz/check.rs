//! What must hold after every step: the invariants of the design.

use super::{agree::is_refused_fee, play::is_open, scenario::Step, stage::Stage};
use crate::Failure;
use deployments::errors::DeployError;
use deployments_domain::{
    funding::Funds,
    lifecycle::{Listing, Market, Offer},
    status::Status,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{market_vault_address, nos_account_address},
    markets::decode_market,
};
use nosana_jobs_interface::REWARDS_VAULT;
use nosana_jobs_localnet::state::JobAccount;
use solana_program::pubkey::Pubkey;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that has a value, at one moment.
pub(super) struct Books {
    /// NOS of each vault, with its deposits of jobs that are not shared out yet.
    nos: [u64; 2],
    /// Lamports of each vault, with the rents of jobs and runs that it paid.
    lamports: [u64; 2],
    /// NOS and lamports in each vault's own accounts.
    in_vault: [(u64, u64); 2],
    nodes_nos: u64,
    fees_nos: u64,
    others_nos: u64,
    keeper_lamports: u64,
    attacker_lamports: u64,
    /// The owner's wallet and accounts together.
    owner_lamports: u64,
    deployments: Vec<Option<DeploymentAccount>>,
    /// What `list_jobs` will do, as the domain crate predicts it from the accounts.
    predicted: Vec<Option<Listing>>,
    jobs: BTreeMap<Pubkey, JobAccount>,
}

impl Books {
    pub(super) fn take(stage: &Stage) -> Self {
        let chain = &stage.chain;
        let jobs: BTreeMap<Pubkey, JobAccount> = stage
            .jobs
            .keys()
            .filter_map(|key| Some((*key, stage.job(key)?)))
            .collect();
        let mut nos = [0, 1].map(|v: usize| chain.nos(&stage.vaults[v].nos));
        let mut lamports = [0, 1].map(|v: usize| chain.lamports(&stage.vaults[v].address));
        let in_vault = [0, 1].map(|v| (nos[v], lamports[v]));
        for (key, job) in &jobs {
            let vault = stage.jobs[key].deployment / 2;
            lamports[vault] += chain.lamports(key);
            if is_open(job) {
                nos[vault] += JobAccount::deposit(job.price, job.timeout);
            }
        }
        for key in &stage.runs {
            let run: Option<nosana_jobs_localnet::state::RunAccount> = chain.read(key);
            for (v, vault) in stage.vaults.iter().enumerate() {
                if run.as_ref().is_some_and(|run| run.payer == vault.address) {
                    lamports[v] += chain.lamports(key);
                }
            }
        }
        let nos_of = |wallet: &Pubkey| chain.nos(&nos_account_address(wallet));
        let deployments: Vec<_> = (0..3).map(|d| stage.deployment(d)).collect();
        Self {
            nos,
            lamports,
            in_vault,
            nodes_nos: stage.nodes.iter().map(nos_of).sum(),
            fees_nos: chain.nos(&REWARDS_VAULT),
            others_nos: nos_of(&stage.keeper) + nos_of(&stage.attacker),
            keeper_lamports: chain.lamports(&stage.keeper),
            attacker_lamports: chain.lamports(&stage.attacker),
            owner_lamports: std::iter::once(stage.owner)
                .chain(stage.accounts_of_the_owner())
                .map(|key| chain.lamports(&key))
                .sum(),
            predicted: deployments
                .iter()
                .map(|deployment| Some(predict(stage, deployment.as_ref()?)))
                .collect(),
            deployments,
            jobs,
        }
    }
}

/// What the domain crate says about a listing now, from the accounts alone.
fn predict(stage: &Stage, deployment: &DeploymentAccount) -> Listing {
    let account = stage.chain.account(&deployment.header.market);
    let market = account.map_or(Market::Unusable, |account| {
        decode_market(&account.owner, &account.data).unwrap_or(Market::Unusable)
    });
    let offer = Offer {
        market,
        funds: Funds {
            nos: stage.chain.nos(&deployment.header.vault_nos),
            lamports: stage.chain.lamports(&deployment.header.vault),
        },
        rents: stage.rents(),
    };
    deployment
        .lifecycle
        .listing(deployment.job_views(), &offer, stage.now)
}

pub(super) fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(broken())
    }
}

pub(super) fn after(
    stage: &Stage,
    step: &Step,
    before: &Books,
    outcome: &Result<(), Failure>,
) -> Result<(), String> {
    let now = Books::take(stage);
    accounts_are_sound(stage, &now)?;
    money_goes_where_it_may(stage, step, before, &now)?;
    prices_are_under_the_cap(stage, before, &now)?;
    changes_are_told(before, &now)?;
    if outcome.is_ok() {
        rent_returns_to_the_owner(stage, step, before, &now)?;
    }
    if let Step::List { count, .. } = step {
        listing_is_as_predicted(stage, *count, before, &now, outcome)?;
    }
    Ok(())
}

/// Every change of a deployment has a number, and nothing else has.
fn changes_are_told(before: &Books, now: &Books) -> Result<(), String> {
    let pairs = before.deployments.iter().zip(&now.deployments);
    for (d, (before, now)) in pairs.enumerate() {
        let (Some(before), Some(now)) = (before, now) else {
            continue;
        };
        let [old, new] = [before, now].map(|one| bytemuck::bytes_of(&one.header));
        let has_changed = old != new || before.jobs != now.jobs;
        let numbers = now.header.changes - before.header.changes;
        ensure(has_changed == (numbers > 0), || {
            format!("deployment {d}: {numbers} events, changed: {has_changed}")
        })?;
    }
    Ok(())
}

/// Invariant 4: slots are the jobs that are queued, running or unsettled, and indices are used once.
fn accounts_are_sound(stage: &Stage, now: &Books) -> Result<(), String> {
    let mut in_slots = BTreeSet::new();
    for (d, deployment) in now.deployments.iter().enumerate() {
        let Some(deployment) = deployment else {
            continue;
        };
        let lifecycle = &deployment.lifecycle;
        lifecycle
            .invariant()
            .map_err(|broken| format!("deployment {d}: {broken}: {lifecycle:?}"))?;
        let most = lifecycle
            .settings
            .strategy
            .slots(3.max(lifecycle.settings.replicas))
            .max(12);
        ensure(lifecycle.active <= most, || {
            format!("deployment {d}: {} active", lifecycle.active)
        })?;
        for slot in &deployment.jobs {
            let address = deployment.job_address(slot.index);
            ensure(in_slots.insert(address), || {
                format!("deployment {d}: index {} twice", slot.index)
            })?;
            ensure(slot.index < deployment.header.next_job_index, || {
                format!("deployment {d}: index {} was never given", slot.index)
            })?;
            if let Some(job) = now.jobs.get(&address) {
                let timeout = i64::from(slot.timeout_seconds);
                ensure(job.timeout == timeout, || {
                    format!("job {}: timeout {timeout}", slot.index)
                })?;
            }
        }
    }
    for (key, job) in &now.jobs {
        let accounted = in_slots.contains(key) || stage.written_off.contains(key) || !is_open(job);
        ensure(accounted, || {
            format!("job {:?} has no slot", stage.jobs[key])
        })?;
    }
    Ok(())
}

/// Invariants 1 and 2.
fn money_goes_where_it_may(
    stage: &Stage,
    step: &Step,
    before: &Books,
    now: &Books,
) -> Result<(), String> {
    let reward = match step {
        Step::List { .. }
        | Step::Settle { .. }
        | Step::StopJobs { .. }
        | Step::Track { .. }
        | Step::ExtendJobs { .. }
        | Step::Attack { .. } => highest_reward(before),
        _ => 0,
    };
    ensure(now.others_nos == before.others_nos, || {
        "a keeper or an attacker got NOS".into()
    })?;
    for (before, now) in [
        (before.keeper_lamports, now.keeper_lamports),
        (before.attacker_lamports, now.attacker_lamports),
    ] {
        ensure(now <= before + reward, || {
            format!("gained {}", now - before)
        })?;
    }
    let by_owner = matches!(step, Step::Withdraw { .. } | Step::Fund { .. });
    for v in 0..2 {
        if matches!(step, Step::Withdraw { .. }) {
            continue;
        }
        ensure(now.lamports[v] + reward >= before.lamports[v], || {
            format!(
                "vault {v}: {} lamports became {}",
                before.lamports[v], now.lamports[v]
            )
        })?;
        let lists = matches!(
            step,
            Step::List { .. } | Step::ExtendJobs { .. } | Step::Attack { .. }
        );
        let (held, holds) = (before.in_vault[v], now.in_vault[v]);
        ensure(lists || holds.0 >= held.0, || {
            format!("vault {v}: NOS left it")
        })?;
    }
    if by_owner || stage.market_robbed {
        return Ok(());
    }
    let total = |books: &Books| books.nos[0] + books.nos[1] + books.nodes_nos + books.fees_nos;
    ensure(total(now) == total(before), || {
        format!("NOS: {} became {}", total(before), total(now))
    })?;
    for market in [stage.market, stage.second_market] {
        let escrow = stage.chain.nos(&market_vault_address(&market));
        let deposits: u64 = now
            .jobs
            .values()
            .filter(|job| is_open(job) && job.market == market)
            .map(|job| JobAccount::deposit(job.price, job.timeout))
            .sum();
        ensure(escrow == deposits, || {
            format!("escrow {escrow}, deposits {deposits}")
        })?;
    }
    Ok(())
}

/// Rent leaves an account for its owner alone, and what is left is enough.
fn rent_returns_to_the_owner(
    stage: &Stage,
    step: &Step,
    before: &Books,
    now: &Books,
) -> Result<(), String> {
    let rent = stage.chain.rent();
    for key in stage.accounts_of_the_owner() {
        let account = stage.chain.account(&key).unwrap();
        let least = rent.minimum_balance(account.data.len());
        let is_enough = account.lamports >= least;
        let is_exact = account.lamports == least || !matches!(step, Step::ReclaimRent);
        ensure(is_enough && is_exact, || {
            format!("{key} holds {} of {least}", account.lamports)
        })?;
    }
    if matches!(step, Step::ReclaimRent) {
        ensure(now.owner_lamports == before.owner_lamports, || {
            format!(
                "the owner had {}, has {}",
                before.owner_lamports, now.owner_lamports
            )
        })?;
    }
    Ok(())
}

/// Most that one call may pay a keeper: a batch holds every active job, or one that is new.
fn highest_reward(before: &Books) -> u64 {
    let rewards = before.deployments.iter().flatten().map(|deployment| {
        let jobs = u64::from(deployment.lifecycle.active.max(4));
        deployment.header.keeper_reward_lamports * jobs
    });
    rewards.max().unwrap_or(0)
}

fn prices_are_under_the_cap(stage: &Stage, before: &Books, now: &Books) -> Result<(), String> {
    for (key, job) in &now.jobs {
        if before.jobs.contains_key(key) {
            continue;
        }
        let header = before.deployments[stage.jobs[key].deployment]
            .as_ref()
            .map(|deployment| deployment.header);
        let cap = header.map_or(0, |header| header.max_price_per_second);
        ensure(job.price <= cap, || {
            format!("listed at {} above {cap}", job.price)
        })?;
    }
    Ok(())
}

/// The domain crate decides, the program enforces, the client predicts: all the same.
fn listing_is_as_predicted(
    stage: &Stage,
    count: u32,
    before: &Books,
    now: &Books,
    outcome: &Result<(), Failure>,
) -> Result<(), String> {
    let d = stage.listed_last;
    let (Some(was), Some(is), Some(predicted)) = (
        &before.deployments[d],
        &now.deployments[d],
        before.predicted[d],
    ) else {
        return Ok(());
    };
    let refused = |error: DeployError| *outcome == Err(Failure::Code(error.into()));
    let as_predicted = match predicted {
        _ if was.status() == Status::Archived => refused(DeployError::Archived),
        Listing::NothingDue => refused(DeployError::NothingDue),
        Listing::NoFreeSlot => refused(DeployError::NoFreeSlot),
        Listing::QueueFull => refused(DeployError::MarketQueueFull),
        Listing::CannotPay => is.status() == Status::InsufficientFunds,
        Listing::Fail(reason) => (is.status(), is.reason()) == (Status::Error, reason),
        Listing::Fire | Listing::Resume => {
            outcome.is_ok() && is.lifecycle.active == was.lifecycle.active
        }
        Listing::Jobs(_) if stage.fee_bps > was.header.max_fee_bps && outcome.is_err() => {
            is_refused_fee(outcome)
        }
        Listing::Jobs(jobs) => {
            outcome.is_ok()
                && is.status() == Status::Running
                && is.lifecycle.active == was.lifecycle.active + jobs.min(count)
        }
    };
    ensure(as_predicted, || {
        format!(
            "predicted {predicted:?}, but {outcome:?}, {:?}",
            is.lifecycle
        )
    })
}
