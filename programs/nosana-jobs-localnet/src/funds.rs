//! Deposits in, deposits out, and new accounts.

use crate::{
    errors::CommonError,
    state::{JobAccount, MarketAccount},
};
use anchor_lang::{prelude::*, system_program, AccountSerialize};
use anchor_spl::token;
use nosana_jobs_interface::{nos_account_address, NOS_MINT};

/// Refuses any account but the NOS associated token account of `owner`.
pub fn require_ata(account: &AccountInfo, owner: &Pubkey) -> Result<()> {
    require_keys_eq!(
        *account.key,
        nos_account_address(owner),
        CommonError::InvalidATA
    );
    Ok(())
}

/// Pays a deposit into the market, and the network fee to the rewards' vault. The real program took
/// 10 % until May 2026, and nothing since; here the first two bytes of the reflection account say how
/// many basis points, and without such an account it is nothing.
pub fn pay_in<'info>(
    user: &AccountInfo<'info>,
    vault: &AccountInfo<'info>,
    payer: &AccountInfo<'info>,
    [reflection, rewards_vault]: [&AccountInfo<'info>; 2],
    amount: u64,
) -> Result<()> {
    let pay = |to: &AccountInfo<'info>, amount| {
        let transfer = token::Transfer {
            from: user.clone(),
            to: to.clone(),
            authority: payer.clone(),
        };
        token::transfer(CpiContext::new(token::ID, transfer), amount)
    };
    pay(vault, amount)?;
    let data = reflection.try_borrow_data()?;
    let bps = data.first_chunk().map_or(0, |bps| u16::from_le_bytes(*bps));
    drop(data);
    match u128::from(amount).saturating_mul(bps.into()) / 10_000 {
        0 => Ok(()),
        fee => pay(rewards_vault, u64::try_from(fee).unwrap_or(u64::MAX)),
    }
}

/// Pays out of the market's vault, which is its own token authority.
pub fn pay_out<'info>(
    market: &Account<'info, MarketAccount>,
    vault: &AccountInfo<'info>,
    to: &AccountInfo<'info>,
    amount: u64,
) -> Result<()> {
    if amount == 0 {
        return Ok(());
    }
    let key = market.key();
    let seeds: [&[u8]; 3] = [key.as_ref(), NOS_MINT.as_ref(), &[market.vault_bump]];
    let transfer = token::Transfer {
        from: vault.clone(),
        to: to.clone(),
        authority: vault.clone(),
    };
    token::transfer(
        CpiContext::new_with_signer(token::ID, transfer, &[&seeds]),
        amount,
    )
}

/// Pays a node for its time and returns the rest of the deposit.
pub fn share_out<'info>(
    market: &Account<'info, MarketAccount>,
    vault: &AccountInfo<'info>,
    job: &JobAccount,
    node: &AccountInfo<'info>,
    deposit: &AccountInfo<'info>,
    elapsed: i64,
) -> Result<()> {
    let (earned, rest) = job.shares(elapsed);
    pay_out(market, vault, node, earned)?;
    pay_out(market, vault, deposit, rest)
}

/// Creates an account of this program and fills it. Fails if the address holds lamports.
pub fn create<'info, T: AccountSerialize>(
    account: &AccountInfo<'info>,
    payer: &AccountInfo<'info>,
    size: usize,
    content: &T,
) -> Result<()> {
    require!(account.lamports() == 0, CommonError::LamportsNonNull);
    let accounts = system_program::CreateAccount {
        from: payer.clone(),
        to: account.clone(),
    };
    let rent = Rent::get()?.minimum_balance(size);
    let space = u64::try_from(size).map_err(|_| ErrorCode::AccountDidNotSerialize)?;
    system_program::create_account(
        CpiContext::new(system_program::ID, accounts),
        rent,
        space,
        &crate::ID,
    )?;
    let mut data = account.try_borrow_mut_data()?;
    content.try_serialize(&mut &mut data[..])
}
