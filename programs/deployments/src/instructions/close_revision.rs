//! `close_revision`: gives a revision's rent back, even after its deployment is closed.

use crate::{
    errors::DeployError,
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
}

/// A closed revision can no longer be rolled back to. The one that runs stays.
pub(crate) fn handler(ctx: Context<CloseRevision>) -> Result<()> {
    let accounts = &*ctx.accounts;
    if *accounts.deployment.owner != crate::ID {
        return Ok(());
    }
    let data = accounts.deployment.try_borrow_mut_data()?;
    let (header, _) = Deployment::split(RefMut::map(data, |data| &mut **data))?;
    require!(
        header.status == Status::Archived as u8 || header.revision != accounts.revision.number,
        DeployError::RevisionInUse
    );
    Ok(())
}
