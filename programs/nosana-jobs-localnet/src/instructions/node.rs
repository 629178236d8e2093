//! What a node may do.

use crate::{errors::*, funds::*, state::*};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;

#[derive(Accounts)]
pub struct Work<'info> {
    /// Created only if a job is waiting.
    #[account(mut)]
    pub run: Signer<'info>,
    #[account(mut)]
    pub market: Box<Account<'info, MarketAccount>>,
    #[account(mut)]
    pub payer: Signer<'info>,
    /// CHECK: not checked on localnet.
    pub stake: UncheckedAccount<'info>,
    /// CHECK: not checked on localnet.
    pub nft: UncheckedAccount<'info>,
    /// CHECK: not checked on localnet.
    pub metadata: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
    pub system_program: Program<'info, System>,
}

pub(crate) fn work(ctx: Context<Work>) -> Result<()> {
    let accounts = ctx.accounts;
    let node = accounts.authority.key();
    match accounts.market.dequeue(QUEUE_OF_JOBS) {
        Some(job) => {
            let run = RunAccount {
                job,
                node,
                payer: accounts.payer.key(),
                state: RUN_RUNNING,
                time: Clock::get()?.unix_timestamp,
            };
            create(&accounts.run, &accounts.payer, RUN_SIZE, &run)
        }
        None => {
            require!(
                !accounts.market.queue.contains(&node),
                JobsError::NodeAlreadyQueued
            );
            accounts.market.enqueue(QUEUE_OF_NODES, node);
            Ok(())
        }
    }
}

#[derive(Accounts)]
pub struct Finish<'info> {
    #[account(mut, has_one = market @ JobsError::InvalidMarketAccount)]
    pub job: Account<'info, JobAccount>,
    #[account(
        mut,
        close = payer_run,
        has_one = job @ JobsError::JobInvalidRunAccount,
        constraint = run.node == authority.key() @ CommonError::Unauthorized,
        constraint = run.payer == payer_run.key() @ CommonError::InvalidPayer,
    )]
    pub run: Account<'info, RunAccount>,
    #[account(has_one = vault @ CommonError::InvalidVault)]
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: pinned by `market`.
    #[account(mut)]
    pub vault: UncheckedAccount<'info>,
    /// CHECK: the job payer's associated token account.
    #[account(mut)]
    pub deposit: UncheckedAccount<'info>,
    /// CHECK: the node's associated token account.
    #[account(mut)]
    pub user: UncheckedAccount<'info>,
    /// CHECK: pinned by `run`.
    #[account(mut)]
    pub payer_run: UncheckedAccount<'info>,
    /// CHECK: pinned by `job`.
    #[account(mut, address = job.payer @ CommonError::InvalidPayer)]
    pub payer_job: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
    pub token_program: Program<'info, Token>,
}

/// The job's state is not asked: after a double claim a second run of a job that is done closes
/// only if its vault can still pay, as on the real program.
pub(crate) fn finish(ctx: Context<Finish>, ipfs_result: [u8; 32]) -> Result<()> {
    require!(ipfs_result != [0; 32], JobsError::JobResultNull);
    let accounts = ctx.accounts;
    require_ata(&accounts.deposit, &accounts.job.payer)?;
    require_ata(&accounts.user, &accounts.run.node)?;
    let elapsed = accounts
        .job
        .finish(&accounts.run, Clock::get()?.unix_timestamp);
    accounts.job.ipfs_result = ipfs_result;
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
pub struct Quit<'info> {
    #[account(mut)]
    pub job: Account<'info, JobAccount>,
    #[account(
        mut,
        close = payer,
        has_one = job @ JobsError::JobInvalidRunAccount,
        has_one = payer @ CommonError::InvalidPayer,
        constraint = run.node == authority.key() @ CommonError::Unauthorized,
    )]
    pub run: Account<'info, RunAccount>,
    /// CHECK: pinned by `run`.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
    pub authority: Signer<'info>,
}

pub(crate) fn quit(ctx: Context<Quit>) -> Result<()> {
    ctx.accounts.job.state = JOB_STOPPED;
    Ok(())
}

#[derive(Accounts)]
pub struct Claim<'info> {
    #[account(mut, has_one = market @ JobsError::InvalidMarketAccount)]
    pub job: Account<'info, JobAccount>,
    #[account(mut)]
    pub run: Signer<'info>,
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: not checked on localnet.
    pub stake: UncheckedAccount<'info>,
    /// CHECK: not checked on localnet.
    pub nft: UncheckedAccount<'info>,
    /// CHECK: not checked on localnet.
    pub metadata: UncheckedAccount<'info>,
    #[account(mut)]
    pub payer: Signer<'info>,
    pub authority: Signer<'info>,
    pub system_program: Program<'info, System>,
}

/// Leaves the job's state as it is, so that several nodes can claim it.
pub(crate) fn claim(ctx: Context<Claim>) -> Result<()> {
    let accounts = ctx.accounts;
    require!(
        accounts.job.state == JOB_STOPPED,
        JobsError::JobInWrongState
    );
    let run = RunAccount {
        job: accounts.job.key(),
        node: accounts.authority.key(),
        payer: accounts.payer.key(),
        state: RUN_RUNNING,
        time: Clock::get()?.unix_timestamp,
    };
    create(&accounts.run, &accounts.payer, RUN_SIZE, &run)
}

#[derive(Accounts)]
pub struct Complete<'info> {
    #[account(mut, constraint = job.node == authority.key() @ CommonError::Unauthorized)]
    pub job: Account<'info, JobAccount>,
    pub authority: Signer<'info>,
}

pub(crate) fn complete(ctx: Context<Complete>, ipfs_result: [u8; 32]) -> Result<()> {
    require!(ipfs_result != [0; 32], JobsError::JobResultNull);
    let job = &mut ctx.accounts.job;
    require!(job.state == JOB_DONE, JobsError::JobInWrongState);
    require!(job.ipfs_result == [0; 32], JobsError::JobResultsAlreadySet);
    job.ipfs_result = ipfs_result;
    Ok(())
}

#[derive(Accounts)]
pub struct Stop<'info> {
    #[account(mut)]
    pub market: Box<Account<'info, MarketAccount>>,
    pub authority: Signer<'info>,
}

pub(crate) fn stop(ctx: Context<Stop>) -> Result<()> {
    let node = ctx.accounts.authority.key();
    ctx.accounts.market.remove(QUEUE_OF_NODES, &node)
}
