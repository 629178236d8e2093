//! `migrate`: brings a Deployment of an earlier layout up to today's.

use crate::{
    errors::DeployError,
    events::DeploymentMigrated,
    instructions::make_room::make_room,
    state::{
        deployment::{in_use, ActiveJob},
        Deployment,
    },
};
use anchor_lang::prelude::*;
use deployments_domain::settings::Strategy;

/// Accounts of `migrate`.
#[derive(Accounts)]
pub struct Migrate<'info> {
    /// Anyone; pays for further slots.
    #[account(mut)]
    pub payer: Signer<'info>,

    #[account(mut)]
    pub deployment: AccountLoader<'info, Deployment>,

    pub system_program: Program<'info, System>,
}

/// From version 1, where SIMPLE had half the slots and a slot knew neither timeout nor run.
///
/// Nothing that a deployment does depends on who calls this, or when: what is new is either at
/// rest (zero) or known from the account itself.
pub(crate) fn handler(ctx: Context<Migrate>) -> Result<()> {
    let accounts = ctx.accounts;
    let info = accounts.deployment.to_account_info();
    let (version, strategy, replicas) = {
        let deployment = accounts.deployment.load()?;
        (deployment.version, deployment.strategy, deployment.replicas)
    };
    require!(version != Deployment::VERSION, DeployError::AlreadyMigrated);
    require!(version == 1, DeployError::CorruptAccount);
    let strategy = Strategy::from_byte(strategy).ok_or(DeployError::CorruptAccount)?;
    make_room(&info, &accounts.payer, strategy.slots(replicas))?;

    let mut data = info.try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_any_version_mut(&mut data)?;
    let timeout_seconds =
        u32::try_from(deployment.timeout_seconds).map_err(|_| DeployError::CorruptAccount)?;
    let active = in_use(slots, deployment.active)?.len();
    for slot in slots.iter_mut().take(active) {
        slot.timeout_seconds = timeout_seconds;
        slot.waited_seconds = ActiveJob::NOT_RUNNING;
    }
    deployment.latest_revision = deployment.revision;
    deployment.first_job_definition = deployment.job_definition;
    deployment.version = Deployment::VERSION;
    let lifecycle = deployment.lifecycle(slots.len())?;
    require!(lifecycle.invariant(), DeployError::InvariantBroken);
    emit!(DeploymentMigrated {
        deployment: accounts.deployment.key(),
        from: version
    });
    Ok(())
}
