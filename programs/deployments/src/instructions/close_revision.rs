//! `close_revision`: gives a revision's rent back, even after its deployment is closed.

use crate::{
    errors::DeployError,
    state::{Deployment, Revision},
};
use anchor_lang::{prelude::*, Discriminator};
use deployments_domain::status::Status;

/// Accounts of `close_revision`.
#[derive(Accounts)]
pub struct CloseRevision<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(
        mut,
        has_one = owner @ DeployError::WrongOwner,
        has_one = deployment @ DeployError::WrongDeployment,
        close = owner,
    )]
    pub revision: Account<'info, Revision>,

    /// CHECK: pinned by `revision`; may be closed, and its id is used once.
    pub deployment: UncheckedAccount<'info>,
}

/// A closed revision can no longer be rolled back to. The one that runs stays.
pub(crate) fn handler(ctx: Context<CloseRevision>) -> Result<()> {
    let deployment = &ctx.accounts.deployment;
    if *deployment.owner != crate::ID {
        return Ok(());
    }
    let mut data = deployment.try_borrow_data()?.to_vec();
    require!(
        data.starts_with(Deployment::DISCRIMINATOR),
        DeployError::WrongDeployment
    );
    let (deployment, _) = Deployment::split_any_version_mut(&mut data)?;
    require!(
        deployment.status == Status::Archived as u8
            || deployment.revision != ctx.accounts.revision.number,
        DeployError::RevisionInUse
    );
    Ok(())
}
