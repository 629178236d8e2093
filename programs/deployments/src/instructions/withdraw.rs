//! `withdraw`: takes NOS and SOL out of a vault, at any time and in any status.

// All of `events` and of `vault`: Anchor's derive needs what it made of their accounts.
use crate::{errors::DeployError, events::*, vault::*};
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

/// Arguments of `withdraw`.
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

    pub vault: VaultAccounts<'info>,

    /// Where the NOS go: the owner's own token account.
    #[account(mut, token::mint = vault.nos_mint, token::authority = owner)]
    pub owner_nos: Account<'info, TokenAccount>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

/// Moves the funds. Active jobs keep running: their refunds arrive in the vault later.
pub(crate) fn handler(ctx: Context<Withdraw>, args: WithdrawArgs) -> Result<()> {
    let accounts = ctx.accounts;
    let (owner, vault) = (accounts.owner.key(), &accounts.vault);
    let bump = vault.bump_of(&owner, args.vault_index)?;
    let nos = args.nos.of(nos_balance(&vault.vault_nos)?)?;
    let balance = vault.vault.lamports();
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
            vault.vault_nos.as_ref(),
            accounts.owner_nos.as_ref(),
            &vault.vault,
            nos,
            &seeds.as_slices(),
        )?;
    }
    if lamports > 0 {
        send_lamports(&vault.vault, &accounts.owner, lamports, &seeds.as_slices())?;
    }
    accounts.telling.tell(&VaultWithdrawn {
        vault: vault.vault.key(),
        nos,
        lamports,
    })
}
