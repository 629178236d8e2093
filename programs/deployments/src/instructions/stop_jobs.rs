//! `stop_jobs`: ends what should not run any more.

use crate::{
    constants::NOS_MINT,
    errors::DeployError,
    events::Outcome,
    instructions::handle_jobs::{handle, HandleJobs},
    jobs_cpi::{job_state, run_of, JobState, JobsCpi, MarketView, Run},
};
use anchor_lang::prelude::*;
use anchor_spl::associated_token::get_associated_token_address;

/// For each index four accounts: the job, its run, the node's NOS token account, and who paid for
/// the run. While the job is queued, any accounts will do for the last three: the program looks at
/// what is true now, so that a node taking the job meanwhile does not fail the batch.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    handle::<4>(
        ctx,
        &indices,
        |cpi, lifecycle, [job, run, node_nos, run_payer], now| {
            let JobState::Open { timeout_seconds } = job_state(job)? else {
                return Ok(None); // ended by itself: for `settle_jobs`
            };
            match run_of(run, job.key)? {
                Some(found) => {
                    let overdue = now > found.started_at.saturating_add(timeout_seconds);
                    if !(overdue || lifecycle.ends_all_jobs()) {
                        return Ok(None);
                    }
                    check_end(&found, node_nos, run_payer)?;
                    cpi.end(job, run, node_nos, run_payer)?;
                    Ok(Some(Outcome::Ended))
                }
                None if lifecycle.ends_all_jobs() && is_queued(cpi, job)? => {
                    cpi.delist(job)?;
                    Ok(Some(Outcome::Delisted))
                }
                None => Ok(None),
            }
        },
    )
}

fn is_queued(cpi: &JobsCpi, job: &AccountInfo) -> Result<bool> {
    match MarketView::open(cpi.market)? {
        Some(market) => market.has_queued(job.key),
        None => Ok(false),
    }
}

/// The node's pay and the run's rent go where the run says, whatever the keeper passed.
fn check_end(run: &Run, node_nos: &AccountInfo, run_payer: &AccountInfo) -> Result<()> {
    require_keys_eq!(
        *node_nos.key,
        get_associated_token_address(&run.node, &NOS_MINT),
        DeployError::WrongNodeTokenAccount
    );
    require_keys_eq!(*run_payer.key, run.payer, DeployError::WrongRunPayer);
    Ok(())
}
