//! `add_revision`: a new job definition, which the deployment runs from now on.

use crate::{
    errors::DeployError,
    events::RevisionAdded,
    instructions::make_room::make_account,
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
pub struct AddRevision<'info> {
    /// Pays the revision's rent, which `close_revision` returns.
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,

    /// CHECK: new; its address is checked in the handler.
    #[account(mut)]
    pub revision: UncheckedAccount<'info>,

    pub system_program: Program<'info, System>,
}

impl AddRevision<'_> {
    /// Makes the revision's account, at its canonical address.
    fn make_revision(&self, args: &AddRevisionArgs, now: i64) -> Result<()> {
        let (key, number) = (self.deployment.key(), args.number.to_le_bytes());
        let seeds: [&[u8]; 3] = [seeds::REVISION, key.as_ref(), &number];
        let bump = seeds::canonical_bump(self.revision.key, &seeds, &crate::ID)
            .ok_or(DeployError::WrongRevision)?;
        let signer: [&[u8]; 4] = [seeds::REVISION, key.as_ref(), &number, &[bump]];
        make_account(&self.revision, &self.owner, Revision::SIZE, &signer)?;
        let revision = Revision {
            version: Revision::VERSION,
            bump,
            owner: self.owner.key(),
            deployment: key,
            number: args.number,
            job_definition: args.job_definition,
            created_at: now,
            reserved: [0; 32],
        };
        revision.try_serialize(&mut &mut self.revision.try_borrow_mut_data()?[..])
    }
}

/// Stores the revision and rolls forward to it.
pub(crate) fn handler(ctx: Context<AddRevision>, args: AddRevisionArgs) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &*ctx.accounts;
    let key = accounts.deployment.key();
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
    deployment.store(&key, &lifecycle, now)?;
    drop(data);
    accounts.make_revision(&args, now)
}
