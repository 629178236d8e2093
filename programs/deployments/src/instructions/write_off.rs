//! `write_off`: the owner gives up a job that can no longer settle.

use crate::{
    errors::DeployError,
    events::Outcome,
    markets::{is_market, is_queued, job_state},
    state::{seeds::JobAddresses, Deployment, OpenDeployment},
};
use anchor_lang::prelude::*;
use deployments_domain::{failsafe::Ending, lifecycle::Ended};
use nosana_jobs_interface::account::JobState;

/// Accounts of `write_off`.
#[derive(Accounts)]
pub struct WriteOff<'info> {
    pub owner: Signer<'info>,

    #[account(
        mut,
        has_one = owner @ DeployError::WrongOwner,
        has_one = market @ DeployError::WrongMarket,
    )]
    pub deployment: AccountLoader<'info, Deployment>,

    /// CHECK: pinned by `deployment`; may be gone.
    pub market: UncheckedAccount<'info>,

    /// CHECK: the job; its address is checked against its slot.
    pub job: UncheckedAccount<'info>,
}

/// Frees the job's slot. Whatever the job still gives back later goes to the vault: a node that
/// finishes returns the rest, `clean` the rent, and `reclaim_job` the deposit if the node quits.
///
/// Refused while a keeper can settle or delist the job. That no run exists cannot be proven on
/// chain, so this is the owner's decision.
pub(crate) fn handler(ctx: Context<WriteOff>, index: u64) -> Result<()> {
    let accounts = &*ctx.accounts;
    let mut open = OpenDeployment::load_unarchived(accounts.deployment.as_ref())?;
    let position = open.slots.position(index);
    let position = position.ok_or(DeployError::JobNotActive)?;
    let job_bump = open.slots.at(position)?.job_bump;
    require!(
        JobAddresses::of(&open.key).is_job(accounts.job.key, index, job_bump),
        DeployError::WrongJobAddress
    );
    let can_settle = match job_state(&accounts.job)? {
        JobState::Done { .. } | JobState::Gone => true,
        JobState::Quit => is_market(&accounts.market)?,
        JobState::Open { .. } => is_queued(&accounts.market, accounts.job.key)?,
    };
    require!(!can_settle, DeployError::JobCanSettle);

    let ended = Ended {
        ending: Ending::Unknown,
        at: Some(open.now),
    };
    open.settle(position, Outcome::WrittenOff, ended)?;
    open.commit()
}
