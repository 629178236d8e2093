//! What a market's authority may do.

use crate::{errors::*, funds::pay_out, state::*};
use anchor_lang::prelude::*;
use anchor_spl::token::{Mint, Token, TokenAccount};
use nosana_jobs_interface::NOS_MINT;

/// What the authority sets. The real program has these as five arguments, which are the same bytes.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug)]
pub struct Terms {
    pub job_expiration: i64,
    pub job_price: u64,
    pub job_timeout: i64,
    pub job_type: u8,
    pub node_xnos_minimum: u128,
}

#[derive(Accounts)]
pub struct Open<'info> {
    #[account(address = NOS_MINT @ CommonError::InvalidMint)]
    pub mint: Account<'info, Mint>,
    #[account(init, payer = payer, space = MARKET_SIZE)]
    pub market: Box<Account<'info, MarketAccount>>,
    #[account(
        init,
        payer = payer,
        token::mint = mint,
        token::authority = vault,
        seeds = [market.key().as_ref(), mint.key().as_ref()],
        bump,
    )]
    pub vault: Account<'info, TokenAccount>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub authority: Signer<'info>,
    /// CHECK: any key; a node's access NFT is not checked here.
    pub access_key: UncheckedAccount<'info>,
    pub system_program: Program<'info, System>,
    pub token_program: Program<'info, Token>,
}

pub(crate) fn open(ctx: Context<Open>, terms: Terms) -> Result<()> {
    let accounts = ctx.accounts;
    accounts.market.set_inner(MarketAccount {
        authority: accounts.authority.key(),
        job_expiration: terms.job_expiration,
        job_price: terms.job_price,
        job_timeout: terms.job_timeout,
        job_type: terms.job_type,
        vault: accounts.vault.key(),
        vault_bump: ctx.bumps.vault,
        node_access_key: accounts.access_key.key(),
        node_xnos_minimum: terms.node_xnos_minimum,
        queue_type: QUEUE_EMPTY,
        queue: Vec::new(),
    });
    Ok(())
}

#[derive(Accounts)]
pub struct Update<'info> {
    #[account(mut, has_one = authority @ CommonError::Unauthorized)]
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: any key.
    pub access_key: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
}

pub(crate) fn update(ctx: Context<Update>, terms: Terms) -> Result<()> {
    let market = &mut ctx.accounts.market;
    market.job_expiration = terms.job_expiration;
    market.job_price = terms.job_price;
    market.job_timeout = terms.job_timeout;
    market.job_type = terms.job_type;
    market.node_xnos_minimum = terms.node_xnos_minimum;
    market.node_access_key = ctx.accounts.access_key.key();
    Ok(())
}

#[derive(Accounts)]
pub struct CloseMarket<'info> {
    #[account(
        mut,
        close = authority,
        has_one = authority @ CommonError::Unauthorized,
        has_one = vault @ CommonError::InvalidVault,
    )]
    pub market: Box<Account<'info, MarketAccount>>,
    #[account(mut)]
    pub vault: Account<'info, TokenAccount>,
    /// Where the deposits go.
    #[account(mut)]
    pub user: Account<'info, TokenAccount>,
    #[account(mut)]
    pub authority: Signer<'info>,
    pub token_program: Program<'info, Token>,
}

pub(crate) fn close(ctx: Context<CloseMarket>) -> Result<()> {
    let accounts = ctx.accounts;
    pay_out(
        &accounts.market,
        accounts.vault.as_ref(),
        accounts.user.as_ref(),
        accounts.vault.amount,
    )
}
