//! `settle_jobs`: accounts for jobs that ended by themselves.

use crate::{
    events::Outcome,
    instructions::handle_jobs::{handle, HandleJobs},
    jobs_cpi::{job_state, JobState},
};
use anchor_lang::prelude::*;

/// For each index one account: the job.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    handle::<1>(ctx, &indices, |cpi, _, [job], _| {
        Ok(match job_state(job)? {
            JobState::Done => Some(Outcome::Done),
            JobState::Gone => Some(Outcome::Gone),
            JobState::Quit => {
                cpi.recover(job)?;
                Some(Outcome::Recovered)
            }
            JobState::Open { .. } => None,
        })
    })
}
