//! `stop_jobs`: ends what should not run any more.

use crate::{
    batch::{groups, handle, Effect, HandleJobs},
    events::{Left, Outcome, Ran},
    markets::{job_state, run_of, which_are_queued, RunAccounts},
};
use anchor_lang::prelude::*;
use core::cell::OnceCell;
use deployments_domain::jobs::End;
use nosana_jobs_interface::account::JobState;

/// For each index four accounts: the job, its run, the node's NOS token account, and who paid for
/// the run. While the job is queued, any accounts will do for the last three: the program looks at
/// what is true now, so that a node taking the job meanwhile does not fail the batch.
///
/// A run that is passed counts as started before it is decided, so that no keeper can have a
/// running job taken for a queued one.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    let (jobs, _) = groups::<4>(remaining, indices.len())?;
    // One pass over the queue, which can hold 315 keys, for the whole batch, and none if every job
    // runs. Taking one job off leaves the others where they are.
    let queued = OnceCell::new();
    let is_queued = |number: usize| -> Result<bool> {
        let found: &Vec<bool> = match queued.get() {
            Some(found) => found,
            None => {
                let jobs: Vec<Pubkey> = jobs.iter().map(|[job, ..]| *job.key).collect();
                let found = which_are_queued(&accounts.market, &jobs)?;
                queued.get_or_init(|| found)
            }
        };
        Ok(found.get(number) == Some(&true))
    };
    handle::<4>(
        accounts,
        remaining,
        &indices,
        |batch, [job, run, node_nos, run_payer]| {
            let JobState::Open(deposit) = job_state(job)? else {
                return Ok(Effect::Nothing); // ended by itself: for `settle_jobs`
            };
            let run_now = run_of(run, job.key)?;
            let view = match &run_now {
                Some(found) => batch.note_start(found.started_at())?,
                None => batch.slot()?.view(),
            };
            let (open, now) = (&*batch.open, batch.open.now);
            let Some(reason) = open.lifecycle.stop_reason(&view, open.slots.jobs(), now) else {
                return Ok(Effect::Nothing);
            };
            // Where the market is gone, or its vault short, no deposit can be shared out: for
            // `write_off`.
            let (outcome, run) = match run_now {
                _ if !batch.markets.can_refund(&deposit)? => return Ok(Effect::Nothing),
                Some(found) => {
                    let of_run = RunAccounts::check(run, &found, node_nos, run_payer)?;
                    let seconds = now.saturating_sub(found.started_at());
                    batch.markets.end(job, &of_run, &deposit, seconds)?;
                    (Outcome::Ended, Some(Ran::until(&found, now)))
                }
                None if is_queued(batch.number)? => {
                    batch.markets.delist(job, &deposit)?;
                    (Outcome::Delisted, None)
                }
                None => return Ok(Effect::Nothing),
            };
            let end = End::Stopped(reason);
            let left = Some(Left::of(&deposit, run));
            Ok(Effect::Ended { outcome, end, left })
        },
    )
}
