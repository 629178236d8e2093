//! `close`: gives a deployment's rent back to its owner.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{errors::DeployError, events::*, state::Deployment};
use anchor_lang::prelude::*;
use deployments_domain::status::{transition, Event, Status};

/// Accounts of `close`.
#[derive(Accounts)]
pub struct Close<'info> {
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner, close = owner)]
    pub deployment: AccountLoader<'info, Deployment>,
    pub telling: Telling<'info>,
}

/// Closes a DRAFT or ARCHIVED deployment. Its id stays used: the owner's counter never goes back.
pub(crate) fn handler(ctx: Context<Close>) -> Result<()> {
    let deployment = &ctx.accounts.deployment;
    let (status, sequence) = {
        let header = deployment.load()?;
        (Status::from_byte(header.status), header.changes)
    };
    let status = status.ok_or(DeployError::CorruptAccount)?;
    transition(status, Event::Close).map_err(DeployError::from)?;
    ctx.accounts.telling.tell(&DeploymentClosed {
        deployment: deployment.key(),
        sequence,
    })
}
