//! `track_jobs`: notes which jobs a node has taken, where that decides something.

use crate::{
    instructions::handle_jobs::{handle, Effect, HandleJobs},
    jobs_cpi::{job_state, run_of, JobState},
    state::deployment::views,
};
use anchor_lang::prelude::*;

/// For each index two accounts: the job and its run. A run proves when its job began; that a job
/// has none cannot be proven, so a job counts as queued until someone shows its run.
pub(crate) fn handler<'info>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: Vec<u64>,
) -> Result<()> {
    let (accounts, remaining) = (&*ctx.accounts, ctx.remaining_accounts);
    handle::<2>(accounts, remaining, &indices, |scene, [job, run]| {
        let known = scene.slot()?.view().started_at.is_some();
        if known || !scene.lifecycle.tracks_runs(views(scene.slots), scene.now) {
            return Ok(Effect::Nothing);
        }
        match (job_state(job)?, run_of(run, job.key)?) {
            (JobState::Open { .. }, Some(found)) => {
                scene.slot()?.note_start(found.started_at);
                Ok(Effect::Started)
            }
            _ => Ok(Effect::Nothing),
        }
    })
}
