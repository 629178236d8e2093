//! `track_jobs`: notes which jobs a node has taken, where that decides something.

use crate::{
    batch::{handle, Effect, HandleJobs},
    markets::{job_state, run_of},
};
use anchor_lang::prelude::*;
use nosana_jobs_interface::account::JobState;

/// For each index two accounts: the job and its run. A run proves when its job began; that a job
/// has none cannot be proven, so a job counts as queued until someone shows its run.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    handle::<2>(accounts, remaining, &indices, |batch, [job, run]| {
        let known = batch.slot()?.view().started_at.is_some();
        let open = &*batch.open;
        if known || !open.lifecycle.tracks_runs(open.slots.jobs(), open.now) {
            return Ok(Effect::Nothing);
        }
        match (job_state(job)?, run_of(run, job.key)?) {
            (JobState::Open(_), Some(found)) => {
                batch.note_start(found.started_at())?;
                Ok(Effect::Started)
            }
            _ => Ok(Effect::Nothing),
        }
    })
}
