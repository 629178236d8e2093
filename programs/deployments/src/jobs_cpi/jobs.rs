//! Accounts of jobs and of their runs.

use super::{field, JOB, RUN};
use crate::{constants::JOBS_PROGRAM, errors::DeployError};
use anchor_lang::prelude::*;

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Queued or running.
    Open {
        /// NOS base units per second that were deposited: the market's price of that time.
        price_per_second: u64,
    },
    /// Finished or ended: the deposit is shared out.
    Done {
        /// Unix seconds.
        started_at: i64,
        /// Unix seconds.
        ended_at: i64,
    },
    /// The node quit: the deposit waits to be recovered.
    Quit,
    /// The account is gone: it was done and then cleaned.
    Gone,
}

/// Reads a job's account, whose address the caller has checked.
///
/// # Errors
/// [`DeployError::CorruptAccount`] for data that the jobs program never writes.
pub fn job_state(account: &AccountInfo) -> Result<JobState> {
    if *account.owner != JOBS_PROGRAM {
        // Its address is ours, so only the jobs program can have owned it: it was closed. Lamports
        // that someone sent there since change nothing.
        return Ok(JobState::Gone);
    }
    JobState::parse(&account.try_borrow_data()?)
}

impl JobState {
    /// Reads the data of an account of the jobs program.
    ///
    /// # Errors
    /// [`DeployError::CorruptAccount`] if it is no job's.
    pub fn parse(data: &[u8]) -> Result<Self> {
        require!(
            data.first_chunk::<8>() == Some(&JOB),
            DeployError::CorruptAccount
        );
        let [state] = field::<1>(data, 208, DeployError::CorruptAccount)?;
        let number = |offset| field(data, offset, DeployError::CorruptAccount);
        Ok(match state {
            2 => JobState::Done {
                started_at: number(217).map(i64::from_le_bytes)?,
                ended_at: number(209).map(i64::from_le_bytes)?,
            },
            3 => JobState::Quit,
            _ => JobState::Open {
                price_per_second: number(168).map(u64::from_le_bytes)?,
            },
        })
    }
}

/// A running job's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The job that it runs.
    pub job: Pubkey,
    /// The node's wallet.
    pub node: Pubkey,
    /// Who paid the run's rent and gets it back.
    pub payer: Pubkey,
    /// Unix seconds when the node took the job.
    pub started_at: i64,
}

/// Reads the run of `job`, or `None` if the account is no run of it: a keeper may pass anything.
///
/// # Errors
/// If the account's data is borrowed.
pub fn run_of(account: &AccountInfo, job: &Pubkey) -> Result<Option<Run>> {
    if *account.owner != JOBS_PROGRAM {
        return Ok(None);
    }
    let run = Run::parse(&account.try_borrow_data()?)?;
    Ok(run.filter(|run| run.job == *job))
}

impl Run {
    /// Reads the data of an account of the jobs program, or `None` if it is no run's.
    ///
    /// # Errors
    /// [`DeployError::CorruptAccount`] if it is cut short.
    pub fn parse(data: &[u8]) -> Result<Option<Self>> {
        if data.first_chunk::<8>() != Some(&RUN) {
            return Ok(None);
        }
        let key =
            |offset| field(data, offset, DeployError::CorruptAccount).map(Pubkey::new_from_array);
        Ok(Some(Run {
            job: key(8)?,
            node: key(40)?,
            payer: key(72)?,
            started_at: field(data, 105, DeployError::CorruptAccount).map(i64::from_le_bytes)?,
        }))
    }
}
