//! `withdraw`: takes NOS and SOL out of a vault, at any time and in any status.

use crate::{
    constants::NOS_MINT,
    errors::DeployError,
    events::VaultWithdrawn,
    state::seeds,
    vault::{require_may_hold, send_lamports, send_nos, VaultSeeds},
};
use anchor_lang::prelude::*;
use anchor_spl::token::{Token, TokenAccount};

/// How much to take.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// This many base units; zero leaves the currency alone.
    Exact(u64),
    /// Whatever there is when the instruction runs.
    All,
}

impl Amount {
    fn of(self, balance: u64) -> Result<u64> {
        match self {
            Amount::All => Ok(balance),
            Amount::Exact(amount) if amount <= balance => Ok(amount),
            Amount::Exact(_) => err!(DeployError::VaultTooLow),
        }
    }
}

/// What `withdraw` is told.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithdrawArgs {
    /// Number of the owner's vault.
    pub vault_index: u16,
    /// NOS base units.
    pub nos: Amount,
    /// Lamports; what stays must be zero or at least the rent-exempt minimum.
    pub lamports: Amount,
}

/// Accounts of `withdraw`.
#[derive(Accounts)]
pub struct Withdraw<'info> {
    /// The wallet; its signature is the only one that takes funds out.
    #[account(mut)]
    pub owner: Signer<'info>,

    /// Its address is checked in the handler.
    #[account(mut)]
    pub vault: SystemAccount<'info>,

    /// CHECK: by address.
    #[account(address = NOS_MINT @ DeployError::WrongMint)]
    pub nos_mint: UncheckedAccount<'info>,

    /// Its address is checked in the handler.
    #[account(mut, token::mint = nos_mint, token::authority = vault)]
    pub vault_nos: Account<'info, TokenAccount>,

    /// Where the NOS go: the owner's own token account.
    #[account(mut, token::mint = nos_mint, token::authority = owner)]
    pub owner_nos: Account<'info, TokenAccount>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

/// Moves the funds. Active jobs keep running: their refunds arrive in the vault later.
pub(crate) fn handler(ctx: Context<Withdraw>, args: WithdrawArgs) -> Result<()> {
    let accounts = ctx.accounts;
    let (owner, vault, vault_nos) = (
        accounts.owner.key(),
        accounts.vault.key(),
        accounts.vault_nos.key(),
    );
    let bump = seeds::require_vault(&owner, args.vault_index, &vault, &vault_nos)?;
    let nos = args.nos.of(accounts.vault_nos.amount)?;
    let balance = accounts.vault.lamports();
    let lamports = args.lamports.of(balance)?;
    require!(nos > 0 || lamports > 0, DeployError::ZeroAmount);
    require_may_hold(
        balance
            .checked_sub(lamports)
            .ok_or(DeployError::VaultTooLow)?,
    )?;

    let seeds = VaultSeeds::new(owner, args.vault_index, bump);
    if nos > 0 {
        send_nos(
            &accounts.vault_nos.to_account_info(),
            &accounts.owner_nos.to_account_info(),
            &accounts.vault,
            nos,
            &seeds.as_slices(),
        )?;
    }
    if lamports > 0 {
        send_lamports(
            &accounts.vault,
            &accounts.owner,
            lamports,
            &seeds.as_slices(),
        )?;
    }
    emit!(VaultWithdrawn {
        vault: accounts.vault.key(),
        nos,
        lamports
    });
    Ok(())
}
