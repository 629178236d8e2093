//! `settle_jobs`: accounts for jobs that ended by themselves.

use crate::{
    batch::{handle, Effect, HandleJobs},
    events::Outcome,
    markets::{is_market, job_state},
};
use anchor_lang::prelude::*;
use deployments_domain::{failsafe::Ending, lifecycle::Ended};
use nosana_jobs_interface::account::JobState;

/// For each index one account: the job.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    handle::<1>(accounts, remaining, &indices, |batch, [job]| {
        let (outcome, ending, at) = match job_state(job)? {
            JobState::Open { .. } => return Ok(Effect::Nothing),
            JobState::Done {
                started_at,
                ended_at,
            } => {
                let ending = Ending::of_run(started_at, ended_at);
                (Outcome::Done, ending, Some(ended_at))
            }
            // Anyone can clean a finished job at once, so how long it ran is unknown; but it ended
            // too soon if it was listed a moment ago.
            JobState::Gone => match Ending::of_run(batch.slot()?.listed_at, batch.open.now) {
                Ending::Rapid => (Outcome::Gone, Ending::Rapid, None),
                _ => (Outcome::Gone, Ending::Unknown, None),
            },
            // Without its market the deposit is out of reach: for `write_off`.
            JobState::Quit if !is_market(batch.markets.market)? => return Ok(Effect::Nothing),
            JobState::Quit => {
                batch.markets.recover(job)?;
                (Outcome::Recovered, Ending::Rapid, None)
            }
        };
        let ended = Ended { ending, at };
        Ok(Effect::Ended { outcome, ended })
    })
}
