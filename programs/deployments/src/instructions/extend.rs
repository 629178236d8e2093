//! `extend`: adds replicas to a SIMPLE-EXTEND deployment, while it runs and after completion.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    room::make_room,
    state::{Deployment, OpenDeployment},
};
use anchor_lang::prelude::*;
use deployments_domain::settings::{Strategy, MAX_REPLICAS};

/// Accounts of `extend`.
#[derive(Accounts)]
pub struct Extend<'info> {
    /// Pays for further slots.
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,

    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

/// `more` jobs: during a round on top of its replicas, 1 to what is left up to the limit; after its end
/// as a round of that many replicas.
pub(crate) fn handler(ctx: Context<Extend>, more: u32) -> Result<()> {
    let accounts = &*ctx.accounts;
    let replicas = OpenDeployment::load(accounts.deployment.as_ref())?
        .lifecycle
        .extended_replicas(more)
        .filter(|replicas| more > 0 && *replicas <= MAX_REPLICAS)
        .ok_or(DeployError::ReplicasOutOfRange)?;
    let slots = Strategy::SimpleExtend.slots(replicas);
    make_room(accounts.deployment.as_ref(), &accounts.owner, slots)?;

    let mut open = OpenDeployment::load(accounts.deployment.as_ref())?;
    open.apply(|lifecycle, _, _| lifecycle.extend(more))?;
    open.commit_settings(&accounts.telling)
}
