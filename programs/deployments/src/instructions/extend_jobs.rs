//! `extend_jobs`: prolongs running jobs of a SIMPLE-EXTEND deployment before their deadline.

use crate::{
    batch::{handle, Effect, SpendOnJobs},
    errors::DeployError,
    markets::{is_market, job_state, run_of},
    vault::nos_balance,
};
use anchor_lang::prelude::*;
use deployments_domain::{
    funding::{job_cost, with_fee},
    lifecycle::Extension,
};
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
            let price = deposit.price_per_second;
            let timeout = match lifecycle.extension(&view, price, nos, now) {
                Extension::NotDue => return Ok(Effect::Nothing),
                Extension::CannotPay => return Ok(Effect::Shortage),
                Extension::To(timeout) => timeout,
            };
            let settings = &lifecycle.settings;
            let most = job_cost(price, settings.timeout_seconds)
                .and_then(|cost| with_fee(cost, settings.max_fee_bps))
                .ok_or(DeployError::Overflow)?;
            batch.markets.extend(job, &rewards, timeout, most)?;
            batch.slot()?.timeout_seconds = timeout;
            Ok(Effect::Extended)
        },
    )
}
