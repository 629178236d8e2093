//! The slots of a Deployment account, one for each job that may be active.

use crate::errors::DeployError;
use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};
use deployments_domain::jobs::Job;

/// One active job. Slots in use come first, in no particular order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ActiveJob {
    /// The job's index, a seed of its address.
    pub index: u64,
    /// Unix seconds.
    pub listed_at: i64,
    /// Revision of the job definition that it runs.
    pub revision: u32,
    /// Bump of the job's address.
    pub job_bump: u8,
    /// Bump of the run's address.
    pub run_bump: u8,
    /// Zero; for later versions.
    pub reserved: [u8; 2],
    /// Longest run from the start, extensions included.
    pub timeout_seconds: u32,
    /// From listing to the start of the run, or [`ActiveJob::NOT_RUNNING`].
    pub waited_seconds: u32,
}

impl ActiveJob {
    /// `waited_seconds` of a job of which no run has been shown.
    pub const NOT_RUNNING: u32 = u32::MAX;

    /// The job as rules see it.
    pub fn view(&self) -> Job {
        let waited = i64::from(self.waited_seconds);
        Job {
            index: self.index,
            listed_at: self.listed_at,
            started_at: (self.waited_seconds != Self::NOT_RUNNING)
                .then(|| self.listed_at.saturating_add(waited)),
            timeout_seconds: self.timeout_seconds,
            revision: self.revision,
        }
    }

    /// Notes when the run began. A clock that stepped back counts as no waiting at all.
    pub fn note_start(&mut self, started_at: i64) {
        let waited = started_at.saturating_sub(self.listed_at).max(0);
        self.waited_seconds = u32::try_from(waited)
            .unwrap_or(u32::MAX)
            .min(Self::NOT_RUNNING.saturating_sub(1));
    }
}

// Released layouts never change.
const _: () = assert!(core::mem::size_of::<ActiveJob>() == 32);

/// The active jobs, as rules see them.
pub fn views(in_use: &[ActiveJob]) -> impl Iterator<Item = Job> + Clone + '_ {
    in_use.iter().map(ActiveJob::view)
}

/// The slots in use, which come first.
///
/// # Errors
/// [`DeployError::CorruptAccount`] if there are fewer slots.
pub fn in_use(slots: &[ActiveJob], active: u32) -> Result<&[ActiveJob]> {
    let active = usize::try_from(active).map_err(|_| DeployError::CorruptAccount)?;
    Ok(slots.get(..active).ok_or(DeployError::CorruptAccount)?)
}

/// Frees one slot in use: the last one in use takes its place.
///
/// # Errors
/// [`DeployError::CorruptAccount`] if there are fewer slots.
pub fn free(slots: &mut [ActiveJob], active: u32, position: usize) -> Result<()> {
    let used = usize::try_from(active).map_err(|_| DeployError::CorruptAccount)?;
    let last = used.checked_sub(1).ok_or(DeployError::CorruptAccount)?;
    let moved = *slots.get(last).ok_or(DeployError::CorruptAccount)?;
    *slots.get_mut(position).ok_or(DeployError::CorruptAccount)? = moved;
    *slots.get_mut(last).ok_or(DeployError::CorruptAccount)? = Zeroable::zeroed();
    Ok(())
}
