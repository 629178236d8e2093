//! `extend_jobs`: prolongs running jobs of a SIMPLE-EXTEND deployment before their deadline.

use crate::{
    constants::{REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT},
    errors::DeployError,
    // Anchor's derive needs what it generated for `HandleJobs` in scope too.
    instructions::handle_jobs::*,
    jobs_cpi::{job_state, run_of, JobState, ListAccounts, MarketView},
    vault::nos_balance,
};
use anchor_lang::prelude::*;
use deployments_domain::{funding::job_cost, lifecycle::Extension};

/// Accounts of `extend_jobs`. After these come, for each index, the job and its run.
#[derive(Accounts)]
pub struct ExtendJobs<'info> {
    pub common: HandleJobs<'info>,

    /// CHECK: only passed on; by address.
    #[account(mut, address = REWARDS_REFLECTION @ DeployError::WrongRewardsAccount)]
    pub rewards_reflection: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(mut, address = REWARDS_VAULT @ DeployError::WrongRewardsAccount)]
    pub rewards_vault: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(address = REWARDS_PROGRAM @ DeployError::WrongRewardsAccount)]
    pub rewards_program: UncheckedAccount<'info>,
}

/// Each job is prolonged by the deployment's timeout, counted from the job's own deadline.
pub(crate) fn handler<'info>(
    ctx: Context<'info, ExtendJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    let list = ListAccounts {
        rewards_reflection: &accounts.rewards_reflection,
        rewards_vault: &accounts.rewards_vault,
        rewards_program: &accounts.rewards_program,
        system_program: &accounts.common.system_program,
    };
    handle::<2>(
        &accounts.common,
        remaining,
        &indices,
        |scene, [job, run]| {
            let (JobState::Open { price_per_second }, Some(found)) =
                (job_state(job)?, run_of(run, job.key)?)
            else {
                return Ok(Effect::Nothing);
            };
            // The market takes the deposit: without one nothing can be prolonged.
            if MarketView::open(scene.cpi.market)?.is_none() {
                return Ok(Effect::Nothing);
            }
            scene.slot()?.note_start(found.started_at);
            let view = scene.slot()?.view();
            let nos_before = nos_balance(scene.cpi.vault_nos)?;
            let timeout = match scene.lifecycle.extension(
                &view,
                price_per_second,
                scene.max_price_per_second,
                nos_before,
                scene.now,
            ) {
                Extension::NotDue => return Ok(Effect::Nothing),
                Extension::CannotPay => return Ok(Effect::Shortage),
                Extension::To(timeout) => timeout,
            };
            scene.cpi.extend(job, &list, timeout)?;
            scene.slot()?.timeout_seconds = timeout;

            // As for a listing, the vault checks what it paid.
            let seconds = scene.lifecycle.timeout_seconds.into();
            let cost = job_cost(price_per_second, seconds).ok_or(DeployError::Overflow)?;
            require!(
                nos_balance(scene.cpi.vault_nos)?.checked_add(cost) == Some(nos_before),
                DeployError::DepositMismatch
            );
            Ok(Effect::Extended)
        },
    )
}
