//! `start`, `stop`, `archive`: what moves a deployment through its life.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    state::{Deployment, OpenDeployment},
};
use anchor_lang::prelude::*;

/// Accounts of `start`, `stop` and `archive`.
#[derive(Accounts)]
pub struct Steer<'info> {
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,
    pub telling: Telling<'info>,
}

/// Begins a round, or goes on with the interrupted one.
pub fn start(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, jobs, now| lifecycle.start(jobs, now))?;
    open.commit(&ctx.accounts.telling, None)
}

/// Lists nothing more; what is active is for keepers to end.
pub fn stop(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.stop())?;
    open.commit(&ctx.accounts.telling, None)
}

/// Ends the deployment for good.
pub fn archive(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.archive())?;
    open.commit(&ctx.accounts.telling, None)
}
