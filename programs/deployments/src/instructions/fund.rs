//! `fund`: adds NOS and SOL to a vault.

// All of `events` and of `vault`: Anchor's derive needs what it made of their accounts.
use crate::{errors::DeployError, events::*, vault::*};
use anchor_lang::{prelude::*, system_program};
use anchor_spl::token::{self, Token, TokenAccount};

/// Arguments of `fund`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundArgs {
    /// Number of the owner's vault.
    pub vault_index: u16,
    /// NOS base units to add.
    pub nos: u64,
    /// Lamports to add.
    pub lamports: u64,
}

/// Accounts of `fund`.
#[derive(Accounts)]
pub struct Fund<'info> {
    /// Whoever pays; a vault may have several depositors, only its owner withdraws.
    #[account(mut)]
    pub funder: Signer<'info>,

    /// CHECK: the wallet whose vault this is; any key, it only derives the vault's address.
    pub owner: UncheckedAccount<'info>,

    pub vault: VaultAccounts<'info>,

    /// Where the NOS come from. The token program checks that the funder may move them.
    #[account(mut, token::mint = vault.nos_mint)]
    pub funder_nos: Account<'info, TokenAccount>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

/// Moves the funds. Sending NOS or SOL to the vault's accounts directly does as well.
pub(crate) fn handler(ctx: Context<Fund>, args: FundArgs) -> Result<()> {
    require!(args.nos > 0 || args.lamports > 0, DeployError::ZeroAmount);
    let accounts = ctx.accounts;
    let vault = &accounts.vault;
    vault.bump_of(accounts.owner.key, args.vault_index)?;
    if args.nos > 0 {
        let transfer = token::Transfer {
            from: accounts.funder_nos.to_account_info(),
            to: vault.vault_nos.to_account_info(),
            authority: accounts.funder.to_account_info(),
        };
        token::transfer(CpiContext::new(token::ID, transfer), args.nos)?;
    }
    if args.lamports > 0 {
        let after = vault.vault.lamports().checked_add(args.lamports);
        require_may_hold(after.ok_or(DeployError::Overflow)?)?;
        let transfer = system_program::Transfer {
            from: accounts.funder.to_account_info(),
            to: vault.vault.to_account_info(),
        };
        system_program::transfer(CpiContext::new(system_program::ID, transfer), args.lamports)?;
    }
    accounts.telling.tell(&VaultFunded {
        vault: vault.vault.key(),
        funder: accounts.funder.key(),
        nos: args.nos,
        lamports: args.lamports,
    })
}
