//! What the accounts of the markets' program say, as far as deployments have to do with them.

use crate::accounts::DecodeError;
use deployments::markets::listing_market;
use deployments_domain::lifecycle::Market;
use nosana_jobs_interface::account::{self, Truncated};
use solana_program::pubkey::Pubkey;

pub use deployments::vault::rents_by;
pub use nosana_jobs_interface::account::{Deposit, JobState, JOB_SIZE, QUEUE_CAPACITY, RUN_SIZE};

impl From<Truncated> for DecodeError {
    fn from(_: Truncated) -> Self {
        Self::Damaged
    }
}

fn read<'a>(program: &Pubkey, data: &'a [u8]) -> Result<account::Market<'a>, DecodeError> {
    account::Market::read(program, data)?.ok_or(DecodeError::NotAMarket)
}

/// Decodes a market.
///
/// # Errors
/// [`DecodeError`] if the account is not a market of Nosana's.
pub fn decode_market(program: &Pubkey, data: &[u8]) -> Result<Market, DecodeError> {
    read(program, data).map(|market| listing_market(Some(market)))
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
    read(program, data).map(|market| market.has_queued(job))
}

/// Seconds after its end until anyone may clean a job of this market.
///
/// # Errors
/// As [`decode_market`].
pub fn decode_job_expiration(program: &Pubkey, data: &[u8]) -> Result<i64, DecodeError> {
    read(program, data).map(|market| market.header.job_expiration_seconds())
}

/// Decodes the account at a job's address; [`JobState::Gone`] if there is nothing, or nothing of the
/// markets' program's: the job was cleaned.
///
/// # Errors
/// [`DecodeError::Damaged`] for data that the markets' program never writes.
pub fn decode_job(account: Option<(&Pubkey, &[u8])>) -> Result<JobState, DecodeError> {
    match account {
        Some((program, data)) => Ok(JobState::at(program, data)?),
        None => Ok(JobState::Gone),
    }
}

/// A running job's run: where it is, and what its account says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The run's account.
    pub address: Pubkey,
    /// The job that it runs.
    pub job: Pubkey,
    /// The node's wallet, whose NOS token account must exist before the job can be ended.
    pub node: Pubkey,
    /// Who paid the run's rent and gets it back.
    pub payer: Pubkey,
    /// When the node took the job, unix seconds.
    pub started_at: i64,
}

/// Decodes the run at an address.
///
/// # Errors
/// [`DecodeError`] if the account is not a run of a job.
pub fn decode_run(address: Pubkey, program: &Pubkey, data: &[u8]) -> Result<Run, DecodeError> {
    let run = account::Run::read(program, data)?.ok_or(DecodeError::WrongKind)?;
    Ok(Run {
        address,
        job: run.job,
        node: run.node,
        payer: run.payer,
        started_at: run.started_at(),
    })
}

/// What matters of a job that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobOver {
    /// Its market.
    pub market: Pubkey,
    /// Who gets its rent.
    pub payer: Pubkey,
    /// Who alone can take its deposit back.
    pub authority: Pubkey,
    /// Whether the payer is an account without a key: probably a vault.
    pub is_of_a_vault: bool,
    /// The node that ran it.
    pub node: Pubkey,
    /// Unix seconds.
    pub ended_at: i64,
    /// sha2-256 digest of its result, if the node has stored one.
    pub result: Option<[u8; 32]>,
}

/// Decodes a job that is over.
///
/// # Errors
/// [`DecodeError`] if the account is not a job.
pub fn decode_job_over(program: &Pubkey, data: &[u8]) -> Result<JobOver, DecodeError> {
    let job = account::Job::read(program, data)?.ok_or(DecodeError::WrongKind)?;
    Ok(JobOver {
        market: job.market,
        payer: job.payer,
        authority: job.project,
        is_of_a_vault: !job.payer.is_on_curve(),
        node: job.node,
        ended_at: job.ended_at(),
        result: Some(job.ipfs_result).filter(|digest| *digest != [0; 32]),
    })
}
