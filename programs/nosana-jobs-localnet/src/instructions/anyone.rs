//! What anyone may do.

use crate::{errors::JobsError, state::*};
use anchor_lang::prelude::*;

#[derive(Accounts)]
pub struct Clean<'info> {
    #[account(mut, close = payer, has_one = payer @ crate::errors::CommonError::InvalidPayer)]
    pub job: Account<'info, JobAccount>,
    /// Not tied to the job, as on the real program: anyone can clean at once with a market of
    /// their own.
    pub market: Box<Account<'info, MarketAccount>>,
    /// CHECK: the job's payer.
    #[account(mut)]
    pub payer: UncheckedAccount<'info>,
}

pub(crate) fn clean(ctx: Context<Clean>) -> Result<()> {
    let (job, market) = (&ctx.accounts.job, &ctx.accounts.market);
    require!(job.state == JOB_DONE, JobsError::JobInWrongState);
    let expires = job.time_end.saturating_add(market.job_expiration);
    require!(
        Clock::get()?.unix_timestamp > expires,
        JobsError::JobNotExpired
    );
    Ok(())
}
