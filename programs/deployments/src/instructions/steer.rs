//! `start`, `stop`, `archive`: what only the owner may tell a deployment to do.

use crate::{
    errors::DeployError,
    state::{
        deployment::{in_use, views, ActiveJob},
        Deployment,
    },
};
use anchor_lang::prelude::*;
use deployments_domain::{lifecycle::Lifecycle, status::Refused};

/// Accounts of `start`, `stop` and `archive`.
#[derive(Accounts)]
pub struct Steer<'info> {
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,
}

/// Begins a round, or goes on with the interrupted one.
pub fn start(ctx: Context<Steer>) -> Result<()> {
    apply(ctx, |lifecycle, jobs, now| {
        lifecycle.start(views(jobs), now)
    })
}

/// Lists nothing more; what is active is for keepers to end.
pub fn stop(ctx: Context<Steer>) -> Result<()> {
    apply(ctx, |lifecycle, _, _| lifecycle.stop())
}

/// Ends the deployment for good.
pub fn archive(ctx: Context<Steer>) -> Result<()> {
    apply(ctx, |lifecycle, _, _| lifecycle.archive())
}

fn apply(
    ctx: Context<Steer>,
    transition: impl FnOnce(&mut Lifecycle, &[ActiveJob], i64) -> core::result::Result<(), Refused>,
) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let key = ctx.accounts.deployment.key();
    let info = ctx.accounts.deployment.to_account_info();
    let mut data = info.try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.lifecycle(slots.len())?;
    let jobs = in_use(slots, lifecycle.active)?;
    transition(&mut lifecycle, jobs, now).map_err(DeployError::from)?;
    deployment.store(&key, &lifecycle, now)
}
