//! What the markets' accounts say. A keeper passes them, so owner, discriminator and length are checked
//! at every read; the owner first, because the deployment, which is borrowed, may be passed as any of
//! them.

use crate::{
    errors::DeployError,
    events::{Left, Ran},
    vault::nos_balance,
};
use anchor_lang::prelude::*;
use deployments_domain::lifecycle;
use nosana_jobs_interface::{
    account::{Deposit, Job, JobState, Market, Run, Truncated},
    JOBS_PROGRAM,
};

/// Shows a job, whose address the caller has checked, to `look`; `None` if its account is gone.
///
/// # Errors
/// [`DeployError::CorruptAccount`] for data that the markets' program never writes.
fn with_job<T>(account: &AccountInfo, look: impl FnOnce(&Job) -> T) -> Result<Option<T>> {
    if *account.owner != JOBS_PROGRAM {
        return Ok(None);
    }
    let data = account.try_borrow_data()?;
    match Job::parse(&data) {
        Ok(Some(job)) => Ok(Some(look(job))),
        Ok(None) | Err(Truncated) => err!(DeployError::CorruptAccount),
    }
}

/// What became of a job, whose address the caller has checked.
///
/// # Errors
/// [`DeployError::CorruptAccount`] for data that the markets' program never writes.
pub fn job_state(account: &AccountInfo) -> Result<JobState> {
    Ok(with_job(account, Job::outcome)?.unwrap_or(JobState::Gone))
}

/// What a job that is over left behind, by its account; `None` if that is gone.
///
/// # Errors
/// As [`job_state`].
pub fn left_by(account: &AccountInfo) -> Result<Option<Left>> {
    with_job(account, |job| {
        let run = Ran {
            node: job.node,
            started_at: job.started_at(),
            ended_at: job.ended_at(),
            result: job.ipfs_result,
        };
        Left::of(&job.deposit(), Some(run))
    })
}

/// The market of a job, or `None` if the account is gone.
///
/// # Errors
/// As [`job_state`].
pub fn job_market(account: &AccountInfo) -> Result<Option<Pubkey>> {
    with_job(account, |job| job.market)
}

/// Who paid for a job, or `None` if the account is gone.
///
/// # Errors
/// As [`job_state`].
pub fn job_payer(account: &AccountInfo) -> Result<Option<Pubkey>> {
    with_job(account, |job| job.payer)
}

/// The run of `job`, or `None` if the account is not a run of it.
///
/// # Errors
/// [`DeployError::CorruptAccount`] for data that the markets' program never writes.
pub fn run_of(account: &AccountInfo, job: &Pubkey) -> Result<Option<Run>> {
    if *account.owner != JOBS_PROGRAM {
        return Ok(None);
    }
    let data = account.try_borrow_data()?;
    let run = Run::parse(&data).map_err(|Truncated| DeployError::CorruptAccount)?;
    Ok(run.copied().filter(|run| run.job == *job))
}

/// Shows a market to `look`, or `None` if the account is not a market (any more).
fn with_market<T>(account: &AccountInfo, look: impl FnOnce(Option<Market>) -> T) -> Result<T> {
    let data = account.try_borrow_data()?;
    let market =
        Market::read(account.owner, &data).map_err(|Truncated| DeployError::WrongMarket)?;
    Ok(look(market))
}

/// Whether the account is a market.
///
/// # Errors
/// [`DeployError::WrongMarket`] for a damaged one, as for every reader here.
pub fn is_market(account: &AccountInfo) -> Result<bool> {
    with_market(account, |market| market.is_some())
}

/// The market as a listing sees it, and whether `vault` is its vault.
///
/// # Errors
/// As [`is_market`].
pub fn market(account: &AccountInfo, vault: &Pubkey) -> Result<(lifecycle::Market, bool)> {
    with_market(account, |market| {
        let is_its_vault = market.is_some_and(|market| market.header.vault == *vault);
        (listing_market(market), is_its_vault)
    })
}

/// A market, open or closed, as a listing sees it.
pub fn listing_market(market: Option<Market>) -> lifecycle::Market {
    match market {
        Some(market) if market.header.takes_jobs() => lifecycle::Market::Open {
            price_per_second: market.header.price_per_second(),
            nodes_waiting: market.header.nodes_waiting(),
            queue_room: market.queue_room(),
        },
        _ => lifecycle::Market::Unusable,
    }
}

/// Refuses any token account but the market's own; where the market is gone, nothing can move.
///
/// # Errors
/// [`DeployError::WrongMarketVault`], and as [`is_market`].
pub fn require_market_vault(market: &AccountInfo, vault: &AccountInfo) -> Result<()> {
    let is_its_vault = with_market(market, |market| {
        market.is_none_or(|market| market.header.vault == *vault.key)
    })?;
    require!(is_its_vault, DeployError::WrongMarketVault);
    Ok(())
}

/// For each of `jobs`, whether it waits in the queue of `market`, which may be gone.
///
/// # Errors
/// As [`is_market`].
pub fn which_are_queued(market: &AccountInfo, jobs: &[Pubkey]) -> Result<Vec<bool>> {
    with_market(market, |market| {
        let mut queued = vec![false; jobs.len()];
        if let Some(market) = market {
            market.find_queued(jobs, |position| {
                if let Some(flag) = queued.get_mut(position) {
                    *flag = true;
                }
            });
        }
        queued
    })
}

/// Whether a market can give a job's deposit back: it is there, and its vault, which the caller has
/// checked, holds that much. After a double claim it may hold less than its jobs are owed.
///
/// # Errors
/// As [`is_market`].
pub fn can_refund(market: &AccountInfo, vault: &AccountInfo, deposit: &Deposit) -> Result<bool> {
    match deposit.amount() {
        Some(deposit) if is_market(market)? => Ok(nos_balance(vault)? >= deposit),
        _ => Ok(false),
    }
}

/// Whether `job` waits in the queue of `market`, which may be gone.
///
/// # Errors
/// As [`is_market`].
pub fn is_queued(market: &AccountInfo, job: &Pubkey) -> Result<bool> {
    with_market(market, |market| {
        market.is_some_and(|market| market.has_queued(job))
    })
}
