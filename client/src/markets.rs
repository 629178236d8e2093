//! What stands in the accounts of the markets' program, as far as deployments have to do with it.

use crate::{accounts::DecodeError, constants::JOBS_PROGRAM};
use deployments::jobs_cpi::MarketView;
pub use deployments::jobs_cpi::{JobState, Run, JOB_SIZE, QUEUE_CAPACITY, RUN_SIZE};
use deployments_domain::lifecycle::Market;
use solana_program::pubkey::Pubkey;

/// Decodes a market.
///
/// # Errors
/// [`DecodeError`] if the account is no market of Nosana's.
pub fn decode_market(program: &Pubkey, data: &[u8]) -> Result<Market, DecodeError> {
    if *program != JOBS_PROGRAM {
        return Err(DecodeError::NoMarket);
    }
    let market = MarketView::parse(data).ok_or(DecodeError::NoMarket)?;
    market.state().map_err(|_| DecodeError::Damaged)
}

/// NOS base units per second, or `None` if the market takes no jobs.
pub fn price_per_second(market: &Market) -> Option<u64> {
    match market {
        Market::Open {
            price_per_second, ..
        } => Some(*price_per_second),
        Market::Unusable => None,
    }
}

/// Whether `job` waits in a market's queue.
///
/// # Errors
/// As [`decode_market`].
pub fn is_queued(program: &Pubkey, data: &[u8], job: &Pubkey) -> Result<bool, DecodeError> {
    if *program != JOBS_PROGRAM {
        return Err(DecodeError::NoMarket);
    }
    let market = MarketView::parse(data).ok_or(DecodeError::NoMarket)?;
    market.has_queued(job).map_err(|_| DecodeError::Damaged)
}

/// Decodes the account at a job's address; `None` if there is nothing, or nothing of the markets'
/// program's: the job was cleaned.
///
/// # Errors
/// [`DecodeError::Damaged`] for data that the markets' program never writes.
pub fn decode_job(account: Option<(&Pubkey, &[u8])>) -> Result<JobState, DecodeError> {
    match account {
        Some((program, data)) if *program == JOBS_PROGRAM => {
            JobState::parse(data).map_err(|_| DecodeError::Damaged)
        }
        _ => Ok(JobState::Gone),
    }
}

/// Decodes a run.
///
/// # Errors
/// [`DecodeError`] if the account is no run of a job.
pub fn decode_run(program: &Pubkey, data: &[u8]) -> Result<Run, DecodeError> {
    if *program != JOBS_PROGRAM {
        return Err(DecodeError::WrongKind);
    }
    match Run::parse(data) {
        Ok(run) => run.ok_or(DecodeError::WrongKind),
        Err(_) => Err(DecodeError::Damaged),
    }
}
