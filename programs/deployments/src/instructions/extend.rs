//! `extend`: adds replicas to a SIMPLE-EXTEND deployment, while it runs and after completion.

use crate::{errors::DeployError, instructions::make_room::make_room, state::Deployment};
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
}

/// `more` replicas, 1 to what is left up to the limit, are listed beside those asked for before.
pub(crate) fn handler(ctx: Context<Extend>, more: u32) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = ctx.accounts;
    let (key, info) = (
        accounts.deployment.key(),
        accounts.deployment.to_account_info(),
    );
    let replicas = accounts.deployment.load()?.replicas.checked_add(more);
    let replicas = replicas
        .filter(|replicas| more > 0 && *replicas <= MAX_REPLICAS)
        .ok_or(DeployError::ReplicasOutOfRange)?;
    make_room(
        &info,
        &accounts.owner,
        Strategy::SimpleExtend.slots(replicas),
    )?;

    let mut data = info.try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.lifecycle(slots.len())?;
    lifecycle.extend(more).map_err(DeployError::from)?;
    deployment.store(&key, &lifecycle, now)
}
