//! `add_revision`: a new job definition, which the deployment runs from now on.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    room::make_account,
    state::{seeds, Deployment, OpenDeployment, Revision},
};
use anchor_lang::prelude::*;

/// Arguments of `add_revision`.
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
    pub telling: Telling<'info>,
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
    let accounts = &*ctx.accounts;
    let mut open = OpenDeployment::load_unarchived(accounts.deployment.as_ref())?;
    require!(
        open.header.latest_revision.checked_add(1) == Some(args.number),
        DeployError::RevisionNotNext
    );
    open.apply(|lifecycle, jobs, now| lifecycle.change_revision(args.number, jobs, now))?;
    open.header.latest_revision = args.number;
    open.header.job_definition = args.job_definition;
    open.commit(&accounts.telling, None)?;
    accounts.make_revision(&args, open.now)
}
