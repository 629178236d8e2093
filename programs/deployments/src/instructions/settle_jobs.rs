//! `settle_jobs`: accounts for jobs that ended by themselves.

use crate::{
    batch::{handle, Effect, HandleJobs},
    events::{Left, Outcome},
    markets::{job_state, left_by},
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
        let (outcome, end, left) = match job_state(job)? {
            JobState::Open(_) => return Ok(Effect::Nothing),
            JobState::Done {
                started_at,
                ended_at,
            } => {
                let end = End::Finished {
                    started_at,
                    ended_at,
                };
                (Outcome::Done, end, left_by(job)?)
            }
            JobState::Gone => (Outcome::Gone, End::Gone, None),
            // Out of reach where the market is gone, or its vault short: for `write_off`.
            JobState::Quit(deposit) if !batch.markets.can_refund(&deposit)? => {
                return Ok(Effect::Nothing)
            }
            JobState::Quit(deposit) => {
                batch.markets.recover(job, &deposit)?;
                (
                    Outcome::Recovered,
                    End::Quit,
                    Some(Left::of(&deposit, None)),
                )
            }
        };
        Ok(Effect::Ended { outcome, end, left })
    })
}
