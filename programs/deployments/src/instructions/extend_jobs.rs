//! `extend_jobs`: prolongs running jobs: to a timeout that was raised, and where the owner asked for it by a
//! further timeout before their deadline.

use crate::{
    batch::{handle, Effect, SpendOnJobs},
    markets::{is_market, job_state, run_of},
    vault::nos_balance,
};
use anchor_lang::prelude::*;
use deployments_domain::lifecycle::Extension;
use nosana_jobs_interface::account::JobState;

/// For each index two accounts: the job and its run. Deadlines count from a job's own start.
pub(crate) fn handler<'info>(
    ctx: Context<'info, SpendOnJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    let rewards = accounts.rewards();
    handle::<2>(
        &accounts.common,
        remaining,
        &indices,
        |batch, [job, run]| {
            let (JobState::Open(deposit), Some(found)) = (job_state(job)?, run_of(run, job.key)?)
            else {
                return Ok(Effect::Nothing);
            };
            // The market takes the deposit: without one nothing can be prolonged.
            if !is_market(batch.markets.market)? {
                return Ok(Effect::Nothing);
            }
            let view = batch.note_start(found.started_at())?;
            let nos = nos_balance(batch.markets.vault_nos)?;
            let (lifecycle, now) = (&batch.open.lifecycle, batch.open.now);
            match lifecycle.extension(&view, deposit.price_per_second, nos, now) {
                Extension::NotDue => Ok(Effect::Nothing),
                Extension::CannotPay => Ok(Effect::Shortage),
                Extension::To {
                    timeout_seconds,
                    most_nos,
                } => {
                    let to = (timeout_seconds, most_nos);
                    batch.markets.extend(job, &rewards, &deposit, to)?;
                    batch.slot()?.timeout_seconds = timeout_seconds;
                    Ok(Effect::Extended)
                }
            }
        },
    )
}
