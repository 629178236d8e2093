//! `write_off`: the owner gives up a job that can no longer settle.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    markets::{can_refund, is_queued, job_state, require_market_vault},
    state::{seeds::JobAddresses, Deployment, OpenDeployment},
};
use anchor_lang::prelude::*;
use deployments_domain::jobs::End;
use nosana_jobs_interface::account::{Deposit, JobState};

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

    /// CHECK: pinned to the market's own field, unless the market is gone.
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: the job; its address is checked against its slot.
    pub job: UncheckedAccount<'info>,
    pub telling: Telling<'info>,
}

/// Frees the job's slot. Whatever the job still gives back later goes to the vault: a node that
/// finishes returns the rest, `clean` the rent, and `reclaim_job` the deposit, or what is left of it.
///
/// Refused while any keeper can settle or delist the job, for which the market must be there and its
/// vault hold the deposit; an access key may be lost. That no run exists cannot be proven on chain, so this
/// is the owner's decision.
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
    let (market, market_vault) = (&accounts.market, &accounts.market_vault);
    require_market_vault(market, market_vault)?;
    let vault = open.header.vault;
    let can_return = |deposit: &Deposit| -> Result<bool> {
        Ok(deposit.authority == vault && can_refund(market, market_vault, deposit)?)
    };
    let can_settle = match job_state(&accounts.job)? {
        JobState::Done { .. } | JobState::Gone => true,
        JobState::Quit(deposit) => can_return(&deposit)?,
        JobState::Open(deposit) => is_queued(market, accounts.job.key)? && can_return(&deposit)?,
    };
    require!(!can_settle, DeployError::JobCanSettle);

    open.settle(position, Outcome::WrittenOff, End::WrittenOff, None)?;
    open.commit(&accounts.telling, None)
}
