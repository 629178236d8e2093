//! `stop_jobs`: ends what should not run any more.

use crate::{
    batch::{handle, Effect, HandleJobs},
    errors::DeployError,
    events::Outcome,
    markets::{is_market, is_queued, job_state, run_of},
    state::seeds::is_nos_account,
};
use anchor_lang::prelude::*;
use deployments_domain::{failsafe::Ending, jobs::StopReason, lifecycle::Ended};
use nosana_jobs_interface::account::{JobState, Run};

/// For each index four accounts: the job, its run, the node's NOS token account, and who paid for
/// the run. While the job is queued, any accounts will do for the last three: the program looks at
/// what is true now, so that a node taking the job meanwhile does not fail the batch.
///
/// A run that is passed counts as started before it is decided, so that no keeper can have a
/// running job taken for a queued one.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    handle::<4>(
        accounts,
        remaining,
        &indices,
        |batch, [job, run, node_nos, run_payer]| {
            let JobState::Open { .. } = job_state(job)? else {
                return Ok(Effect::Nothing); // ended by itself: for `settle_jobs`
            };
            let run_now = run_of(run, job.key)?;
            if let Some(found) = &run_now {
                batch.slot()?.note_start(found.started_at());
            }
            let view = batch.slot()?.view();
            let (open, now) = (&*batch.open, batch.open.now);
            let reason = open.lifecycle.stop_reason(&view, open.slots.jobs(), now);
            let (outcome, ending) = match (reason, run_now) {
                (None, _) => return Ok(Effect::Nothing),
                // Without its market no deposit can be shared out: for `write_off`.
                (Some(_), Some(_)) if !is_market(batch.markets.market)? => {
                    return Ok(Effect::Nothing)
                }
                (Some(reason), Some(found)) => {
                    check_end(&found, node_nos, run_payer)?;
                    batch.markets.end(job, run, node_nos, run_payer)?;
                    let ending = match reason {
                        StopReason::Overdue => Ending::of_run(found.started_at(), now),
                        _ => Ending::Unknown,
                    };
                    (Outcome::Ended, ending)
                }
                (Some(_), None) if is_queued(batch.markets.market, job.key)? => {
                    batch.markets.delist(job)?;
                    (Outcome::Delisted, Ending::Unknown)
                }
                (Some(_), None) => return Ok(Effect::Nothing),
            };
            let at = Some(now);
            let ended = Ended { ending, at };
            Ok(Effect::Ended { outcome, ended })
        },
    )
}

/// The node's pay and the run's rent go where the run says, whatever the keeper passed.
fn check_end(run: &Run, node_nos: &AccountInfo, run_payer: &AccountInfo) -> Result<()> {
    require!(
        is_nos_account(node_nos.key, &run.node),
        DeployError::WrongNodeTokenAccount
    );
    require_keys_eq!(*run_payer.key, run.payer, DeployError::WrongRunPayer);
    Ok(())
}
