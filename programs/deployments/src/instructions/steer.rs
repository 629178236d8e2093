//! `start`, `stop`, `archive`: what moves a deployment through its life; `trigger` and `restart`, which keep
//! it where it is.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    state::{Deployment, OpenDeployment},
};
use anchor_lang::prelude::*;

/// Accounts of `start`, `stop`, `archive`, `trigger` and `restart`.
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

/// Lists nothing more; what is active is for keepers to end, or what no node has taken if it drains.
pub fn stop(ctx: Context<Steer>, drain: bool) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.stop(drain))?;
    open.commit(&ctx.accounts.telling, None)
}

/// Owes one round now.
pub fn trigger(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, jobs, now| lifecycle.trigger(jobs, now))?;
    open.commit(&ctx.accounts.telling, None)
}

/// Marks jobs for replacement, all or the one with this index.
pub fn restart(ctx: Context<Steer>, index: Option<u64>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, jobs, _| lifecycle.restart(index, jobs))?;
    let lifecycle = &open.lifecycle;
    open.slots.restart(|job| lifecycle.restarts(job, index));
    open.commit(&ctx.accounts.telling, None)
}

/// Ends the deployment for good.
pub fn archive(ctx: Context<Steer>) -> Result<()> {
    let mut open = OpenDeployment::load(ctx.accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.archive())?;
    open.commit(&ctx.accounts.telling, None)
}
