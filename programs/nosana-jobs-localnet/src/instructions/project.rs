//! What a project, the owner of jobs, may do.

use crate::{errors::*, funds::*, state::*};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use nosana_jobs_interface::{REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT};

#[derive(Accounts)]
pub struct List<'info> {
    #[account(mut)]
    pub job: Signer<'info>,
    #[account(mut, has_one = vault @ CommonError::InvalidVault)]
    pub market: Box<Account<'info, MarketAccount>>,
    #[account(mut)]
    pub run: Signer<'info>,
    /// CHECK: the payer's associated token account.
    #[account(mut)]
    pub user: UncheckedAccount<'info>,
    /// CHECK: pinned by `market`.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    /// CHECK: by address.
    #[account(mut, address = REWARDS_REFLECTION @ CommonError::InvalidAccount)]
    pub rewards_reflection: UncheckedAccount<'info>,
    /// CHECK: by address.
    #[account(mut, address = REWARDS_VAULT @ CommonError::InvalidAccount)]
    pub rewards_vault: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
    /// CHECK: by address.
    #[account(address = REWARDS_PROGRAM @ CommonError::InvalidAccount)]
    pub rewards_program: UncheckedAccount<'info>,
    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn list(ctx: Context<List>, ipfs_job: [u8; 32], timeout: i64) -> Result<()> {
    let accounts = ctx.accounts;
    require!(accounts.run.lamports() == 0, CommonError::LamportsNonNull);
    require_ata(&accounts.user, accounts.payer.key)?;
    let price = accounts.market.job_price;
    let job = JobAccount {
        ipfs_job,
        ipfs_result: [0; 32],
        market: accounts.market.key(),
        node: Pubkey::default(),
        payer: accounts.payer.key(),
        price,
        project: accounts.authority.key(),
        state: JOB_QUEUED,
        time_end: 0,
        time_start: 0,
        timeout,
    };
    create(&accounts.job, &accounts.payer, JOB_SIZE, &job)?;
    match accounts.market.dequeue(QUEUE_OF_NODES) {
        Some(node) => {
            let run = RunAccount {
                job: accounts.job.key(),
                node,
                payer: accounts.payer.key(),
                state: RUN_RUNNING,
                time: Clock::get()?.unix_timestamp,
            };
            create(&accounts.run, &accounts.payer, RUN_SIZE, &run)?;
        }
        None => accounts.market.enqueue(QUEUE_OF_JOBS, accounts.job.key()),
    }
    let deposit = JobAccount::deposit(price, timeout);
    let rewards = [&*accounts.rewards_reflection, &*accounts.rewards_vault];
    pay_in(
        &accounts.user,
        &accounts.vault,
        &accounts.payer,
        rewards,
        deposit,
    )
}

#[derive(Accounts)]
pub struct Extend<'info> {
    #[account(
        mut,
        has_one = market @ JobsError::InvalidMarketAccount,
        has_one = payer @ CommonError::InvalidPayer,
        constraint = job.project == authority.key() @ CommonError::Unauthorized,
    )]
    pub job: Account<'info, JobAccount>,
    #[account(has_one = vault @ CommonError::InvalidVault)]
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: the payer's associated token account.
    #[account(mut)]
    pub user: UncheckedAccount<'info>,
    /// CHECK: pinned by `market`.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: by address.
    #[account(mut, address = REWARDS_REFLECTION @ CommonError::InvalidAccount)]
    pub rewards_reflection: UncheckedAccount<'info>,
    /// CHECK: by address.
    #[account(mut, address = REWARDS_VAULT @ CommonError::InvalidAccount)]
    pub rewards_vault: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
    pub payer: Signer<'info>,
    /// CHECK: by address.
    #[account(address = REWARDS_PROGRAM @ CommonError::InvalidAccount)]
    pub rewards_program: UncheckedAccount<'info>,
    pub token_program: Program<'info, Token>,
}

pub(crate) fn extend(ctx: Context<Extend>, timeout: i64) -> Result<()> {
    let accounts = ctx.accounts;
    let job = &mut accounts.job;
    require!(job.state == JOB_QUEUED, JobsError::JobInWrongState);
    require!(timeout > job.timeout, JobsError::JobTimeoutNotGreater);
    require_ata(&accounts.user, accounts.payer.key)?;
    let paid = JobAccount::deposit(job.price, job.timeout);
    let more = JobAccount::deposit(job.price, timeout).saturating_sub(paid);
    job.timeout = timeout;
    let rewards = [&*accounts.rewards_reflection, &*accounts.rewards_vault];
    pay_in(
        &accounts.user,
        &accounts.vault,
        &accounts.payer,
        rewards,
        more,
    )
}

#[derive(Accounts)]
pub struct Delist<'info> {
    #[account(
        mut,
        close = payer,
        has_one = market @ JobsError::InvalidMarketAccount,
        has_one = payer @ CommonError::InvalidPayer,
        constraint = job.project == authority.key() @ CommonError::Unauthorized,
    )]
    pub job: Account<'info, JobAccount>,
    #[account(mut, has_one = vault @ CommonError::InvalidVault)]
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: the payer's associated token account.
    #[account(mut)]
    pub deposit: UncheckedAccount<'info>,
    /// CHECK: pinned by `job`.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    /// CHECK: pinned by `market`.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    pub token_program: Program<'info, Token>,
    #[account(mut)]
    pub authority: Signer<'info>,
}

pub(crate) fn delist(ctx: Context<Delist>) -> Result<()> {
    let accounts = ctx.accounts;
    let (key, job) = (accounts.job.key(), &accounts.job);
    require!(job.state == JOB_QUEUED, JobsError::JobInWrongState);
    require_ata(&accounts.deposit, accounts.payer.key)?;
    accounts.market.remove(QUEUE_OF_JOBS, &key)?;
    let deposit = JobAccount::deposit(job.price, job.timeout);
    pay_out(
        &accounts.market,
        &accounts.vault,
        &accounts.deposit,
        deposit,
    )
}

#[derive(Accounts)]
pub struct End<'info> {
    #[account(
        mut,
        has_one = market @ JobsError::InvalidMarketAccount,
        constraint = job.project == authority.key() @ CommonError::Unauthorized,
    )]
    pub job: Account<'info, JobAccount>,
    #[account(has_one = vault @ CommonError::InvalidVault)]
    pub market: Box<Account<'info, MarketAccount>>,
    #[account(
        mut,
        close = payer,
        has_one = job @ JobsError::JobInvalidRunAccount,
        has_one = payer @ CommonError::InvalidPayer,
    )]
    pub run: Account<'info, RunAccount>,
    /// CHECK: the job payer's associated token account.
    #[account(mut)]
    pub deposit: UncheckedAccount<'info>,
    /// CHECK: the node's associated token account.
    #[account(mut)]
    pub user: UncheckedAccount<'info>,
    /// CHECK: pinned by `market`.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: pinned by `run`.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    #[account(mut)]
    pub authority: Signer<'info>,
    pub token_program: Program<'info, Token>,
}

/// As [`finish`](super::node::finish), the job's state is not asked.
pub(crate) fn end(ctx: Context<End>) -> Result<()> {
    let accounts = ctx.accounts;
    require_ata(&accounts.deposit, &accounts.job.payer)?;
    require_ata(&accounts.user, &accounts.run.node)?;
    let elapsed = accounts
        .job
        .finish(&accounts.run, Clock::get()?.unix_timestamp);
    share_out(
        &accounts.market,
        &accounts.vault,
        &accounts.job,
        &accounts.user,
        &accounts.deposit,
        elapsed,
    )
}

#[derive(Accounts)]
pub struct Recover<'info> {
    #[account(
        mut,
        close = payer,
        has_one = market @ JobsError::InvalidMarketAccount,
        has_one = payer @ CommonError::InvalidPayer,
        constraint = job.project == authority.key() @ CommonError::Unauthorized,
    )]
    pub job: Account<'info, JobAccount>,
    #[account(has_one = vault @ CommonError::InvalidVault)]
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: pinned by `market`.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: not constrained, as on the real program: the caller must pin it.
    #[account(mut)]
    pub user: UncheckedAccount<'info>,
    /// CHECK: pinned by `job`.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
    pub token_program: Program<'info, Token>,
}

pub(crate) fn recover(ctx: Context<Recover>) -> Result<()> {
    let accounts = ctx.accounts;
    let job = &accounts.job;
    require!(job.state == JOB_STOPPED, JobsError::JobInWrongState);
    let deposit = JobAccount::deposit(job.price, job.timeout);
    pay_out(&accounts.market, &accounts.vault, &accounts.user, deposit)
}
