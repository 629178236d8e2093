//! `write_off`: the owner gives up a job that can no longer settle.

use crate::{
    errors::DeployError,
    events::{JobSettled, Outcome},
    jobs_cpi::{is_queued, job_state, JobState, MarketView},
    state::{
        deployment::{free, in_use},
        seeds::JobAddresses,
        Deployment,
    },
};
use anchor_lang::prelude::*;
use deployments_domain::{failsafe::Ending, lifecycle::Ended};

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
    let now = Clock::get()?.unix_timestamp;
    let accounts = ctx.accounts;
    let key = accounts.deployment.key();
    let mut data = accounts.deployment.as_ref().try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.active_lifecycle(slots.len())?;

    let position = in_use(slots, lifecycle.active)?
        .iter()
        .position(|slot| slot.index == index)
        .ok_or(DeployError::JobNotActive)?;
    let slot = slots.get(position).ok_or(DeployError::CorruptAccount)?;
    require!(
        JobAddresses::of(&key).is_job(accounts.job.key, index, slot.job_bump),
        DeployError::WrongJobAddress
    );
    let can_settle = match job_state(&accounts.job)? {
        JobState::Done { .. } | JobState::Gone => true,
        JobState::Quit => MarketView::open(&accounts.market)?.is_some(),
        JobState::Open { .. } => is_queued(&accounts.market, accounts.job.key)?,
    };
    require!(!can_settle, DeployError::JobCanSettle);

    free(slots, lifecycle.active, position)?;
    let ended = Ended {
        ending: Ending::Unknown,
        at: Some(now),
    };
    lifecycle.settled(ended, now).map_err(DeployError::from)?;
    deployment.count(Outcome::WrittenOff);
    emit!(JobSettled {
        deployment: key,
        index,
        outcome: Outcome::WrittenOff as u8
    });
    deployment.store(&key, &lifecycle, now)
}
