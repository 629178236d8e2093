//! `start`, `stop`, `archive`: what moves a deployment through its life.

use crate::{
    errors::DeployError,
    state::{Deployment, OpenDeployment},
};
use anchor_lang::prelude::*;

/// Accounts of `start`, `stop` and `archive`.
#[derive(Accounts)]
pub struct Steer<'info> {
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,
}

/// Begins a round, or goes on with the interrupted one.
pub fn start(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, jobs, now| lifecycle.start(jobs, now))?;
    open.commit()
}

/// Lists nothing more; what is active is for keepers to end.
pub fn stop(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.stop())?;
    open.commit()
}

/// Ends the deployment for good.
pub fn archive(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.archive())?;
    open.commit()
}
