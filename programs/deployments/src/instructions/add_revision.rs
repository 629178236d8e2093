//! `add_revision`: a new job definition, which the deployment runs from now on.

use crate::{
    errors::DeployError,
    events::RevisionAdded,
    state::{
        deployment::{in_use, views},
        seeds, Deployment, Revision,
    },
};
use anchor_lang::prelude::*;

/// What `add_revision` is told.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddRevisionArgs {
    /// Must be one more than the deployment's `latest_revision`.
    pub number: u32,
    /// sha2-256 digest of the job definition.
    pub job_definition: [u8; 32],
}

/// Accounts of `add_revision`.
#[derive(Accounts)]
#[instruction(args: AddRevisionArgs)]
pub struct AddRevision<'info> {
    /// Pays the revision's rent, which `close_revision` returns.
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,

    #[account(
        init,
        payer = owner,
        space = Revision::SIZE,
        seeds = [seeds::REVISION, deployment.key().as_ref(), &args.number.to_le_bytes()],
        bump,
    )]
    pub revision: Account<'info, Revision>,

    pub system_program: Program<'info, System>,
}

/// Stores the revision and rolls forward to it.
pub(crate) fn handler(ctx: Context<AddRevision>, args: AddRevisionArgs) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = ctx.accounts;
    let key = accounts.deployment.key();
    accounts.revision.set_inner(Revision {
        version: Revision::VERSION,
        bump: ctx.bumps.revision,
        owner: accounts.owner.key(),
        deployment: key,
        number: args.number,
        job_definition: args.job_definition,
        created_at: now,
        reserved: [0; 32],
    });

    let mut data = accounts.deployment.as_ref().try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.active_lifecycle(slots.len())?;
    require!(
        deployment.latest_revision.checked_add(1) == Some(args.number),
        DeployError::RevisionNotNext
    );
    let jobs = views(in_use(slots, lifecycle.active)?);
    lifecycle
        .change_revision(args.number, jobs, now)
        .map_err(DeployError::from)?;
    deployment.latest_revision = args.number;
    deployment.job_definition = args.job_definition;
    emit!(RevisionAdded {
        deployment: key,
        number: args.number,
        job_definition: args.job_definition,
    });
    deployment.store(&key, &lifecycle, now)
}
