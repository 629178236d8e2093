//! What stands in the accounts of the markets' program, as far as deployments have to do with it.

use crate::{accounts::DecodeError, constants::JOBS_PROGRAM};
pub use deployments::jobs_cpi::{JobState, Run, JOB_SIZE, QUEUE_CAPACITY, RUN_SIZE};
use deployments::jobs_cpi::{MarketView, JOB};
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

/// What matters of a job that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobOver {
    /// Its market.
    pub market: Pubkey,
    /// Who gets its rent.
    pub payer: Pubkey,
    /// Whether payer and authority are one account without a key: a vault, as far as anyone can tell.
    pub is_of_a_vault: bool,
    /// Unix seconds.
    pub ended_at: i64,
}

/// Decodes a job that is over.
///
/// # Errors
/// [`DecodeError`] if the account is no job.
pub fn decode_job_over(program: &Pubkey, data: &[u8]) -> Result<JobOver, DecodeError> {
    if *program != JOBS_PROGRAM || data.get(..8) != Some(&JOB[..]) {
        return Err(DecodeError::WrongKind);
    }
    let (payer, authority) = (key_at(data, 136)?, key_at(data, 176)?);
    Ok(JobOver {
        market: key_at(data, 72)?,
        payer,
        is_of_a_vault: payer == authority && !payer.is_on_curve(),
        ended_at: i64::from_le_bytes(bytes_at(data, 209)?),
    })
}

/// Seconds after its end until anyone may clean a job of this market.
///
/// # Errors
/// As [`decode_market`].
pub fn decode_job_expiration(program: &Pubkey, data: &[u8]) -> Result<i64, DecodeError> {
    const JOB_EXPIRATION_OFFSET: usize = 40;
    decode_market(program, data)?;
    bytes_at(data, JOB_EXPIRATION_OFFSET).map(i64::from_le_bytes)
}

fn key_at(data: &[u8], offset: usize) -> Result<Pubkey, DecodeError> {
    bytes_at(data, offset).map(Pubkey::new_from_array)
}

fn bytes_at<const N: usize>(data: &[u8], offset: usize) -> Result<[u8; N], DecodeError> {
    let bytes = data.get(offset..).and_then(<[u8]>::first_chunk);
    bytes.copied().ok_or(DecodeError::Damaged)
}
