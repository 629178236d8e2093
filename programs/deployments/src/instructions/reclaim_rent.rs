//! `reclaim_rent`: what accounts hold above today's rent, back to their owner.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    // Renamed: Anchor has a trait of this name, which its derives need.
    state::{Deployment, Owner as OwnerAccount, Revision},
};
use anchor_lang::{prelude::*, Discriminator};
use core::cell::RefMut;

/// Accounts of `reclaim_rent`. After these come the deployments, revisions and owner accounts.
#[derive(Accounts)]
pub struct ReclaimRent<'info> {
    /// CHECK: each account names it as its owner.
    #[account(mut)]
    pub owner: UncheckedAccount<'info>,
    pub telling: Telling<'info>,
}

/// A cluster's rent may fall; accounts that were made before keep what they were given until this is
/// called. Anyone may: the lamports go to the owner alone.
pub(crate) fn handler<'info>(ctx: Context<'info, ReclaimRent<'info>>) -> Result<()> {
    let owner = &ctx.accounts.owner;
    let rent = Rent::get()?;
    let mut total = 0_u64;
    for account in ctx.remaining_accounts {
        require_keys_eq!(owner_of(account)?, *owner.key, DeployError::WrongOwner);
        let least = rent.minimum_balance(account.data_len());
        let excess = account.lamports().saturating_sub(least);
        account.sub_lamports(excess)?;
        owner.add_lamports(excess)?;
        total = total.checked_add(excess).ok_or(DeployError::Overflow)?;
    }
    require!(total > 0, DeployError::NothingDue);
    ctx.accounts.telling.tell(&RentReclaimed {
        owner: *owner.key,
        lamports: total,
    })
}

/// The wallet that pays an account's rent and gets it back.
fn owner_of(account: &AccountInfo) -> Result<Pubkey> {
    require_keys_eq!(*account.owner, crate::ID, DeployError::WrongAccountKind);
    let data = account.try_borrow_mut_data()?;
    if data.starts_with(Deployment::DISCRIMINATOR) {
        let (header, _) = Deployment::split(RefMut::map(data, |data| &mut **data))?;
        Ok(header.owner)
    } else if data.starts_with(Revision::DISCRIMINATOR) {
        Ok(Revision::try_deserialize(&mut &data[..])?.owner)
    } else if data.starts_with(OwnerAccount::DISCRIMINATOR) {
        Ok(OwnerAccount::try_deserialize(&mut &data[..])?.wallet)
    } else {
        err!(DeployError::WrongAccountKind)
    }
}
