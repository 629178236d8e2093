//! `close_revision`: gives a revision's rent back, even after its deployment is closed.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    state::{Deployment, Revision},
};
use anchor_lang::prelude::*;
use core::cell::RefMut;
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
    pub telling: Telling<'info>,
}

/// A closed revision can no longer be rolled back to. The one that runs stays.
pub(crate) fn handler(ctx: Context<CloseRevision>) -> Result<()> {
    let accounts = &*ctx.accounts;
    let number = accounts.revision.number;
    require!(
        !runs(&accounts.deployment, number)?,
        DeployError::RevisionInUse
    );
    accounts.telling.tell(&RevisionClosed {
        deployment: accounts.deployment.key(),
        number,
    })
}

/// Whether the deployment exists and runs this revision.
fn runs(deployment: &AccountInfo, revision: u32) -> Result<bool> {
    if *deployment.owner != crate::ID {
        return Ok(false);
    }
    let data = deployment.try_borrow_mut_data()?;
    let (header, _) = Deployment::split(RefMut::map(data, |data| &mut **data))?;
    Ok(header.status != Status::Archived as u8 && header.revision == revision)
}
