//! `settle_jobs`: accounts for jobs that ended by themselves.

use crate::{
    batch::{handle, Effect, HandleJobs},
    events::Outcome,
    markets::job_state,
};
use anchor_lang::prelude::*;
use deployments_domain::jobs::End;
use nosana_jobs_interface::account::JobState;

/// For each index one account: the job.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    handle::<1>(accounts, remaining, &indices, |batch, [job]| {
        let (outcome, end) = match job_state(job)? {
            JobState::Open(_) => return Ok(Effect::Nothing),
            JobState::Done {
                started_at,
                ended_at,
            } => {
                let end = End::Finished {
                    started_at,
                    ended_at,
                };
                (Outcome::Done, end)
            }
            JobState::Gone => (Outcome::Gone, End::Gone),
            // Out of reach where the market is gone, or its vault short: for `write_off`.
            JobState::Quit(deposit) if !batch.markets.can_refund(&deposit)? => {
                return Ok(Effect::Nothing)
            }
            JobState::Quit(deposit) => {
                batch.markets.recover(job, &deposit)?;
                (Outcome::Recovered, End::Quit)
            }
        };
        Ok(Effect::Ended { outcome, end })
    })
}
