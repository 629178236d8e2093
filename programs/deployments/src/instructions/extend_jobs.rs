//! `extend_jobs`: prolongs running jobs of a SIMPLE-EXTEND deployment before their deadline.

use crate::{
    batch::{handle, Effect, SpendOnJobs},
    errors::DeployError,
    markets::{is_market, job_state, run_of},
    vault::nos_balance,
};
use anchor_lang::prelude::*;
use deployments_domain::{funding::job_cost, lifecycle::Extension};
use nosana_jobs_interface::account::JobState;

/// For each index two accounts: the job and its run. Each job is prolonged by the deployment's timeout,
/// counted from the job's own deadline.
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
            let (JobState::Open { price_per_second }, Some(found)) =
                (job_state(job)?, run_of(run, job.key)?)
            else {
                return Ok(Effect::Nothing);
            };
            // The market takes the deposit: without one nothing can be prolonged.
            if !is_market(batch.markets.market)? {
                return Ok(Effect::Nothing);
            }
            batch.slot()?.note_start(found.started_at());
            let view = batch.slot()?.view();
            let nos_before = nos_balance(batch.markets.vault_nos)?;
            let (lifecycle, now) = (&batch.open.lifecycle, batch.open.now);
            let seconds = lifecycle.settings.timeout_seconds;
            let timeout = match lifecycle.extension(&view, price_per_second, nos_before, now) {
                Extension::NotDue => return Ok(Effect::Nothing),
                Extension::CannotPay => return Ok(Effect::Shortage),
                Extension::To(timeout) => timeout,
            };
            batch.markets.extend(job, &rewards, timeout)?;
            batch.slot()?.timeout_seconds = timeout;

            // As for a listing, the vault checks what it paid.
            let cost = job_cost(price_per_second, seconds).ok_or(DeployError::Overflow)?;
            require!(
                nos_balance(batch.markets.vault_nos)?.checked_add(cost) == Some(nos_before),
                DeployError::DepositMismatch
            );
            Ok(Effect::Extended)
        },
    )
}
